// Command siocat talks to a Socket.IO server from the command line: it prints what
// comes, and sends the lines of its input as events.
//
//	go run ./examples/siocat http://localhost:5000
//	go run ./examples/siocat -auth '{"token":"abc"}' -n /admin -v http://localhost:5000/chat
//	echo '? ["join",{"room":"lobby"}]' | go run ./examples/siocat http://localhost:5000
//
// With -h it tells what lines and flags there are, and how to read what it prints.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gosocketio/sio/core/client"
)

// usage is what -h prints, before the flags.
const usage = `usage: siocat [flags] URL

Prints what a Socket.IO server sends, and sends the lines of the input as events.
Without a scheme the URL is http; its path is the namespace, and its query goes
along with each request. A line is one of

  hello                      the event "message", with this text
  ["move",1,{"fast":true}]   an event with arguments, in JSON
  ? ["join","lobby"]         the same, and the next line waits for the acknowledgement
  /admin ["stop"]            to another namespace, if it is connected (see -n)

In arguments {"$binary":"AAEC"} stands for binary data, given as base64.

A line of the output begins with the seconds since the start and a sign, + and - for
what is connected and disconnected, < and > for what comes and goes, ! for errors,
and * for what -v adds. After that comes the namespace.

`

func main() {
	cfg, err := parseFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who interrupts again does not want to wait
	if err := run(ctx, cfg, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "siocat:", err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	url        string
	namespaces []string // besides that of the url
	answers    map[string]any
	ask        bool
	verbose    bool
	wait       time.Duration
	options    client.Options
}

func parseFlags(args []string, out io.Writer) (*config, error) {
	cfg := &config{answers: map[string]any{}}
	o := &cfg.options
	o.Header = http.Header{}
	flags := flag.NewFlagSet("siocat", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		io.WriteString(out, usage)
		flags.PrintDefaults()
	}
	flags.Func("auth", "`JSON` object to authenticate with", func(text string) error {
		auth, ok := decodeJSON(text).(map[string]any)
		if !ok {
			return errors.New("not a JSON object")
		}
		o.Auth = auth
		return nil
	})
	flags.Func("H", "`\"Name: value\"` of a header; may be repeated", func(text string) error {
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return errors.New("no colon")
		}
		o.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		return nil
	})
	flags.Func("n", "another `namespace` to connect to; may be repeated", func(text string) error {
		cfg.namespaces = append(cfg.namespaces, text)
		return nil
	})
	flags.Func("answer", "`event=JSON` with which an event is acknowledged; may be repeated", func(text string) error {
		event, answer, ok := strings.Cut(text, "=")
		if !ok || !json.Valid([]byte(answer)) {
			return errors.New("not of the form event=JSON")
		}
		cfg.answers[event] = binaryIn(decodeJSON(answer))
		return nil
	})
	flags.Func("t", "`transports` to use, with commas between (default polling,websocket)", func(text string) error {
		o.Transports = strings.Split(text, ",")
		return nil
	})
	flags.StringVar(&o.Path, "path", "/socket.io/", "where the server listens")
	flags.BoolVar(&o.Reconnection.Disable, "once", false, "end when the connection breaks, instead of making it anew")
	flags.BoolVar(&cfg.ask, "ask", false, "ask for an acknowledgement of every event")
	flags.BoolVar(&cfg.verbose, "v", false, "tell about transports, pings and reconnections")
	flags.DurationVar(&cfg.wait, "wait", 0, "how long to go on after the end of the input; negative: until interrupted")
	flags.DurationVar(&o.ConnectTimeout, "connect-timeout", 20*time.Second, "how long connecting may take")
	flags.DurationVar(&o.AckTimeout, "ack-timeout", 10*time.Second, "how long an acknowledgement may take")
	insecure := flags.Bool("k", false, "accept any TLS certificate")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() != 1 {
		err := fmt.Errorf("one URL is needed, not %d (flags come before it); see -h", flags.NArg())
		fmt.Fprintln(out, err)
		return nil, err
	}
	if *insecure {
		o.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	cfg.url = flags.Arg(0)
	if !strings.Contains(cfg.url, "://") {
		cfg.url = "http://" + strings.TrimPrefix(cfg.url, "//")
	}
	return cfg, nil
}
