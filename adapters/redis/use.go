package sioredis
import (_ "github.com/redis/go-redis/v9"
 _ "github.com/vmihailenco/msgpack/v5"
 _ "github.com/gosocketio/sio/core/cluster")
