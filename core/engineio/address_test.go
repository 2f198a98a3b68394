package engineio_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/engineio"
)

// C-31, need 22: the address of the client behind 0, 1 and 2 proxies. What a client
// makes up is never believed.
func TestClientIPC31Need22(t *testing.T) {
	one := []string{"10.0.0.1"}
	two := []string{"10.0.0.0/8", "2001:db8::/32", "::ffff:172.16.0.0/108"}
	for _, c := range []struct {
		name    string
		trusted []string
		peer    string
		headers []string // X-Forwarded-For, a line each
		want    string
	}{
		{"no proxy", nil, "1.2.3.4:5", nil, "1.2.3.4"},
		{"no proxy, spoofed", nil, "1.2.3.4:5", []string{"6.6.6.6"}, "1.2.3.4"},
		{"no proxy, IPv6", nil, "[2001:db8::1]:5", []string{"6.6.6.6"}, "2001:db8::1"},
		{"no proxy, IPv4 in IPv6", nil, "[::ffff:1.2.3.4]:5", nil, "1.2.3.4"},
		{"no proxy, zone", nil, "[fe80::1%eth0]:5", nil, "fe80::1"},
		{"untrusted peer, spoofed as behind the proxy", one, "1.2.3.4:5", []string{"6.6.6.6, 10.0.0.1"}, "1.2.3.4"},
		{"one proxy", one, "10.0.0.1:5", []string{"1.2.3.4"}, "1.2.3.4"},
		{"one proxy, spoofed", one, "10.0.0.1:5", []string{"6.6.6.6, 7.7.7.7,1.2.3.4"}, "1.2.3.4"},
		{"one proxy, spoofed in a line of its own", one, "10.0.0.1:5", []string{"6.6.6.6", "1.2.3.4"}, "1.2.3.4"},
		{"one proxy, spoofed as the proxy", one, "10.0.0.1:5", []string{"6.6.6.6, 10.0.0.1, 1.2.3.4"}, "1.2.3.4"},
		{"one proxy, without the header", one, "10.0.0.1:5", nil, "10.0.0.1"},
		{"one proxy, empty header", one, "10.0.0.1:5", []string{""}, "10.0.0.1"},
		{"one proxy, IPv6 client", one, "10.0.0.1:5", []string{"2001:db8::9"}, "2001:db8::9"},
		{"one proxy, port", one, "10.0.0.1:5", []string{"1.2.3.4:5678"}, "1.2.3.4"},
		{"one proxy, IPv6 with port", one, "10.0.0.1:5", []string{"[2001:db8::9]:5678"}, "2001:db8::9"},
		{"one proxy, IPv6 in brackets", one, "10.0.0.1:5", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"one proxy over IPv4 in IPv6", one, "[::ffff:10.0.0.1]:5", []string{"1.2.3.4"}, "1.2.3.4"},
		{"two proxies", two, "10.0.0.1:5", []string{"1.2.3.4, 10.9.9.9"}, "1.2.3.4"},
		{"two proxies, two lines", two, "10.0.0.1:5", []string{"1.2.3.4", "10.9.9.9"}, "1.2.3.4"},
		{"two proxies, spoofed", two, "10.0.0.1:5", []string{"6.6.6.6, 1.2.3.4 ,\t10.9.9.9"}, "1.2.3.4"},
		{"two proxies, one over IPv6", two, "[2001:db8::1]:5", []string{"6.6.6.6, 1.2.3.4, 10.9.9.9"}, "1.2.3.4"},
		{"two proxies, mapped prefix", two, "172.16.0.1:5", []string{"1.2.3.4"}, "1.2.3.4"},
		{"two proxies, outside the mapped prefix", two, "172.32.0.1:5", []string{"6.6.6.6"}, "172.32.0.1"},
		{"all are proxies", two, "10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"garbage stops the walk", two, "10.0.0.1:5", []string{"6.6.6.6, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"garbage first", two, "10.0.0.1:5", []string{"6.6.6.6, _hidden"}, "10.0.0.1"},
		{"quoted", two, "10.0.0.1:5", []string{`6.6.6.6, "1.2.3.4"`}, "10.0.0.1"},
		{"not quite an address", two, "10.0.0.1:5", []string{"6.6.6.6, 1.2.3.4.5"}, "10.0.0.1"},
		{"leading zeros", two, "10.0.0.1:5", []string{"6.6.6.6, 010.0.0.1"}, "10.0.0.1"},
		{"empty elements", two, "10.0.0.1:5", []string{"6.6.6.6,, 1.2.3.4, , 10.0.0.2,", ",", ""}, "1.2.3.4"},
		{"long", one, "10.0.0.1:5", []string{strings.Repeat("6.6.6.6,", 100_000) + "1.2.3.4"}, "1.2.3.4"},
		{"Unix socket", one, "@", []string{"1.2.3.4"}, "invalid IP"},
		{"Unix socket, trusted", []string{"unix"}, "@", []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4"},
		{"Unix socket, trusted, path", []string{"unix", "10.0.0.1"}, "/run/x", []string{"6.6.6.6, 1.2.3.4, 10.0.0.1"}, "1.2.3.4"},
		{"no Unix socket", []string{"unix"}, "1.2.3.4:5", []string{"6.6.6.6"}, "1.2.3.4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			engine := engineio.NewServer(&engineio.Options{TrustedProxies: c.trusted})
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.headers}}
			if got := engine.ClientIP(r); got.String() != c.want {
				t.Errorf("ClientIP = %v, want %v", got, c.want)
			}
		})
	}
}

func TestClientIPOfTheHandshakeNeed22(t *testing.T) {
	f := start(t, &engineio.Options{TrustedProxies: []string{"127.0.0.1"}})
	f.request(t, "GET", f.url("polling", ""), "", "X-Forwarded-For", "6.6.6.6, 1.2.3.4")
	h := f.session(t).session.Handshake()
	if h.ClientIP != netip.MustParseAddr("1.2.3.4") || !strings.HasPrefix(h.RemoteAddr, "127.0.0.1:") {
		t.Errorf("client %v, peer %v", h.ClientIP, h.RemoteAddr)
	}
	_, _, r := f.openWS(t)
	if got := r.session.Handshake().ClientIP; got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("client %v", got)
	}
}

func TestClientIPDoesNotAllocate(t *testing.T) {
	engine := engineio.NewServer(&engineio.Options{TrustedProxies: []string{"10.0.0.0/8"}})
	r := &http.Request{RemoteAddr: "10.0.0.1:1234", Header: http.Header{"X-Forwarded-For": {"1.2.3.4, 10.0.0.2"}}}
	if n := testing.AllocsPerRun(100, func() { engine.ClientIP(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
