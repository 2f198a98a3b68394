package main

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/siotest"
)

// idleLimit is when proxies cut idle connections, if a test asks for that.
const idleLimit = 3 * time.Second

// waitTime is how long anything may take before a test fails.
const waitTime = 20 * time.Second

// proxy is a program that balances the load of two nodes.
type proxy struct {
	name   string
	file   string            // the configuration that we ship
	idle   map[string]string // what is replaced in it to cut idle connections after idleLimit
	times  map[string]string // what is replaced in it to have it notice sooner
	listen func(plain, tls string) map[string]string
	// command returns the program, given its configuration.
	command  func(dir, config string) (*exec.Cmd, error)
	warnings []string // what its log must not say
}

const certificate, key = "site.pem", "site.key"

var proxies = []*proxy{
	{
		name: "nginx", file: "nginx.conf",
		idle:  map[string]string{" 60s;": " 3s;"},
		times: map[string]string{"fail_timeout=5s": "fail_timeout=1s"},
		listen: func(plain, tls string) map[string]string {
			return map[string]string{"listen 80;": "listen " + plain + ";", "listen 443 ": "listen " + tls + " "}
		},
		command:  nginx,
		warnings: []string{"[warn]", "[emerg]", "[alert]", "[crit]"},
	},
	{
		name: "haproxy", file: "haproxy.cfg",
		idle:  map[string]string{" 60s ": " 3s ", " 60s\n": " 3s\n"},
		times: map[string]string{"inter 2s": "inter 100ms", "maxconn 100000": "maxconn 1000"},
		listen: func(plain, tls string) map[string]string {
			return map[string]string{"bind :80\n": "bind " + plain + "\n", "bind :443 ": "bind " + tls + " "}
		},
		command: func(_, config string) (*exec.Cmd, error) {
			return exec.Command("haproxy", "-db", "-f", config), nil
		},
		warnings: []string{"[WARNING]", "[ALERT]", "[EMERG]"},
	},
}

// nginx wraps the configuration, which is for its http block, into what a
// distribution has around it.
func nginx(dir, config string) (*exec.Cmd, error) {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // others may not enter the directory
	}
	text := fmt.Sprintf(`%[2]s
daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 1000; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	include %[3]s;
}
`, dir, user, config)
	file := filepath.Join(dir, "main.conf")
	err := os.WriteFile(file, []byte(text), 0o600)
	return exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", file), err
}

// running is a proxy at work.
type running struct {
	plain, tls string // URLs
	log        *siotest.Log
}

// need skips the test if the program is not there. In CI that is a failure.
func need(t *testing.T, program string) {
	t.Helper()
	switch _, err := exec.LookPath(program); {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skipf("SKIPPED, the configuration for %[1]s was not tested: %[2]v; on Debian: apt-get install %[1]s", program, err)
	}
}

// start runs the proxy in front of two nodes, with the configuration that we ship but
// for addresses and times, until the test ends. It lets idle connections be unless idle
// has other values for that.
func (p *proxy) start(t *testing.T, nodeA, nodeB string, idle map[string]string) *running {
	t.Helper()
	dir := t.TempDir()
	writeCertificate(t, dir)
	for attempt := 1; ; attempt++ {
		plain, tls := freeAddress(t), freeAddress(t)
		values := map[string]string{
			"127.0.0.1:8081": nodeA, "127.0.0.1:8082": nodeB,
			"/etc/nginx/tls/": dir + "/", "/etc/haproxy/": dir + "/",
		}
		config := p.render(t, dir, values, p.times, idle, p.listen(plain, tls))
		r := &running{plain: "http://" + plain, tls: "https://" + tls, log: new(siotest.Log)}
		err := p.run(t, r, dir, config, plain)
		if err == nil {
			return r
		}
		if attempt == 5 { // somebody else may have taken the port meanwhile
			t.Fatalf("%v\n%s", err, r.log)
		}
	}
}

// render writes a copy of the configuration with other values, each of which must
// occur in it.
func (p *proxy) render(t *testing.T, dir string, values ...map[string]string) (file string) {
	t.Helper()
	shipped, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(shipped)
	for _, m := range values {
		for old, replacement := range m {
			if !strings.Contains(text, old) && !strings.HasPrefix(old, "/etc/") {
				t.Fatalf("%s does not contain %q", p.file, old)
			}
			text = strings.ReplaceAll(text, old, replacement)
		}
	}
	file = filepath.Join(dir, p.file)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// run starts the program and waits until it listens.
func (p *proxy) run(t *testing.T, r *running, dir, config, addr string) error {
	t.Helper()
	cmd, err := p.command(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = r.log, r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.Now().Add(waitTime)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			break
		}
		select {
		case err := <-ended:
			return fmt.Errorf("%s has ended: %w", p.name, cmp.Or(err, os.ErrClosed))
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			return fmt.Errorf("%s does not listen: %w", p.name, err)
		}
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(waitTime):
			cmd.Process.Kill()
			t.Errorf("%s did not end", p.name)
		}
		p.check(t, r.log)
		if t.Failed() {
			t.Logf("log of %s:\n%s", p.name, r.log)
		}
	})
	return nil
}

// check fails the test if the program did not like its configuration.
func (p *proxy) check(t *testing.T, log *siotest.Log) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		if slices.ContainsFunc(p.warnings, func(w string) bool { return strings.Contains(line, w) }) && !p.expected(line) {
			t.Errorf("%s: %s", p.name, line)
		}
	}
}

// expected tells what the tests bring about from complaints: nodes that end, large
// bodies, and the end.
func (p *proxy) expected(line string) bool {
	return slices.ContainsFunc([]string{
		"Server nodes/", "upstream server temporarily disabled", "is buffered to a temporary file",
		"Exiting", "All workers exited", "Proxy ",
	}, func(text string) bool { return strings.Contains(line, text) })
}

// freeAddress returns an address that nobody listened on just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", proxyHost+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// writeCertificate writes a certificate for the proxy and its key, into one file, as
// HAProxy likes it, and the key into another one, for nginx.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxyHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(proxyHost)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM...)
	for name, data := range map[string][]byte{certificate: both, key: keyPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
