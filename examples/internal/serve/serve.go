// Package serve runs the programs under examples until they are interrupted.
package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// Patience is how long clients and requests have to end after an interrupt.
const Patience = 5 * time.Second

// App makes the handler of a program and the Socket.IO server behind it. What the
// program prints goes to out.
type App func(out io.Writer) (http.Handler, *socketio.Server)

// Main listens on the address of the -addr flag, addr by default, prints that and
// the hint, in which %[1]s is the URL, and serves until the process is interrupted.
func Main(app App, addr, hint string) {
	flag.StringVar(&addr, "addr", addr, "`address` to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatalf("%v; -addr gives another address", err)
	}
	fmt.Printf("listening on %s\n", ln.Addr())
	if hint != "" {
		fmt.Printf(hint+"\n", URL(ln))
	}
	switch err := Until(ctx, ln, app, os.Stdout); {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Println("some clients did not answer in time and were cut off")
	case err != nil:
		log.Fatal(err)
	}
}

// URL returns the URL under which this machine reaches the listener.
func URL(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return "http://localhost:" + port
}

// Until serves app on ln until ctx ends. Then it says goodbye to the clients first
// and ends the HTTP server after: http.Server.Shutdown does not know websockets,
// and would wait for the polls. Clients that are gone without a word are waited for
// as long as Patience; the error is then context.DeadlineExceeded.
func Until(ctx context.Context, ln net.Listener, app App, out io.Writer) error {
	handler, sio := app(out)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: Patience}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return errors.Join(err, sio.Close())
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	err := errors.Join(sio.Shutdown(deadline), server.Shutdown(deadline))
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
