package sionats_test

import (
	"context"
	"log"

	"github.com/nats-io/nats.go"

	sionats "github.com/gosocketio/sio/adapters/nats"
	"github.com/gosocketio/sio/core/socketio"
)

func Example() {
	nc, err := nats.Connect("nats://127.0.0.1:4222")
	if err != nil {
		log.Fatal(err)
	}
	// README: nats
	sio := socketio.NewServer(&socketio.Options{
		Cluster:  sionats.New(nc, &sionats.Options{Recovery: &sionats.Recovery{}}), // or nil: without JetStream
		Recovery: &socketio.Recovery{},
	})
	// README: end
	defer sio.Close()
}

func ExampleEmitter() {
	nc, err := nats.Connect("nats://127.0.0.1:4222")
	if err != nil {
		log.Fatal(err)
	}
	emitter := sionats.NewEmitter(nc, nil)
	defer emitter.Close()
	if err := emitter.Of("/chat").To("lobby").Emit(context.Background(), "news", "the job is done"); err != nil {
		log.Fatal(err)
	}
}
