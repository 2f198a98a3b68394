// Package sioredis connects the nodes of a cluster through Redis.
package sioredis
