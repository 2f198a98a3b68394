// Package sioredis connects the nodes of a cluster through Redis, in the formats of
// the official adapters: nodes of both kinds can be in one cluster, and one can take
// the place of the other.
//
//	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	sio := socketio.NewServer(&socketio.Options{Cluster: sioredis.NewPubSub(rdb, nil)})
//
// There are three formats. All nodes of a cluster must have the same, with the same
// options.
//
//   - [NewPubSub], classic pub/sub, for any Redis: @socket.io/redis-adapter and
//     @socket.io/redis-emitter.
//   - [NewSharded], sharded pub/sub, for Redis 7: what is sent to a room goes only to
//     the nodes that have members of it, and a Redis Cluster shares the work.
//   - [NewStreams], streams: events are kept for a while, so that nodes that are cut
//     off for a short time miss none, and clients are recovered on any node:
//     @socket.io/redis-streams-adapter and @socket.io/redis-streams-emitter.
//
// An [Emitter] sends from processes that run no server.
//
// # Redis
//
// The client that is given can be a [*redis.Client], also one of Sentinel, or a
// [*redis.ClusterClient], with or without TLS. It must stay open, but is not used
// itself: connections of their own are made by its options, since a message must not
// be sent again when its answer is late, and what waits for messages must not take
// the place of others in a pool. Each process has a pool for what is sent, and for
// each node one connection that listens.
//
// With Sentinel, nodes move to the new master after a failover by themselves. What was
// published and had not reached the replica is lost.
//
// A user with few rights (ACL) needs, besides the commands, the channels and keys with
// the names of the options; for the classic format also the pattern of each namespace
// as it is, such as "&socket.io#/chat#*", or all channels.
//
// When Redis is away, the clients of a node still get what that node sends; what is
// published fails with [ErrUnavailable], at first after the Timeout of the options,
// then at once; and OnError is told. When Redis is back, all goes on by itself. What
// others published in between is lost with pub/sub, and delivered late with streams.
// Messages that cannot be read are dropped, and OnError is told.
//
// # The formats have no room for all
//
// Responses of the classic format do not name their sender, so that nobody can say
// which node did not answer, only how many. Nodes are counted by their subscriptions
// in all formats: one that was killed is not counted any longer once Redis has seen
// the end of its connection; one whose machine is gone, when its keepalive
// (tcp-keepalive in redis.conf) or the client's has run out.
package sioredis
