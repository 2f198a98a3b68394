// Command seed-client is the client program of a Python tutorial, in Go. It says
// three things to a server, such as examples/seed-python, and leaves.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/gosocketio/sio/core/client"
)

func main() {
	url := flag.String("url", "http://localhost:5000", "`URL` of the server")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, *url, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string, out io.Writer) error {
	sio, err := client.New(url, nil)
	if err != nil {
		return err
	}
	sio.OnConnect(func(context.Context) { fmt.Fprintln(out, "connected") })
	sio.OnDisconnect(func(client.Reason, error) { fmt.Fprintln(out, "disconnected") })
	if err := sio.Connect(ctx); err != nil {
		return err
	}
	sio.Send("Hello guys. ")
	sio.Send(map[string]string{"msg": "use message channel 2 send data"})
	sio.Emit("msg", "use msg channel 2 send data")
	return sio.Close(ctx) // all has been sent when it returns
}
