// Package sionats connects the nodes of a cluster through NATS.
package sionats
