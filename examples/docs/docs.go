// Package docs has tests of docs/deployment.md and SECURITY.md: what they show and name
// exists.
package docs
