package engineio

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// unixPeers is the entry of Options.TrustedProxies for peers without an address.
const unixPeers = "unix"

// proxies are the peers whose X-Forwarded-For counts.
type proxies struct {
	prefixes []netip.Prefix
	unix     bool
}

// parseProxies panics on entries that are no address and no prefix.
func parseProxies(entries []string) proxies {
	var p proxies
	for _, entry := range entries {
		if entry == unixPeers {
			p.unix = true
			continue
		}
		prefix, err := parsePrefix(entry)
		if err != nil {
			panic(fmt.Sprintf("engineio: %q in Options.TrustedProxies is no IP address and no CIDR prefix", entry))
		}
		p.prefixes = append(p.prefixes, prefix)
	}
	return p
}

func parsePrefix(entry string) (netip.Prefix, error) {
	if !strings.Contains(entry, "/") {
		addr, err := netip.ParseAddr(entry)
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), err
	}
	prefix, err := netip.ParsePrefix(entry)
	if err != nil || !prefix.Addr().Is4In6() {
		return prefix, err
	}
	if prefix.Bits() < 96 { // more than the mapped addresses, which are never looked up in this form
		return netip.Prefix{}, fmt.Errorf("engineio: prefix %s covers more than IPv4", entry)
	}
	return netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96), nil
}

// trusts reports whether what addr says about its own peer is to be believed.
func (p *proxies) trusts(addr netip.Addr) bool {
	if !addr.IsValid() {
		return p.unix
	}
	for _, prefix := range p.prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// ClientIP returns the address of the client that sent r: that of the peer, or, if
// the peer is one of Options.TrustedProxies, the last address in X-Forwarded-For
// that is not. What stands before that address may be made up, and so is never
// looked at; neither is anything before an entry that is no IP address. The result
// has no zone, and is IPv4 where IPv6 carries it. It is the zero Addr if the peer
// has none (a Unix socket).
func (s *Server) ClientIP(r *http.Request) netip.Addr {
	client := parseHop(r.RemoteAddr)
	lines := r.Header["X-Forwarded-For"] // several lines are one list
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for more := true; more; {
			if !s.proxies.trusts(client) {
				return client
			}
			var entry string
			rest, entry, more = cutLast(rest)
			if entry == "" { // lists may have empty elements (RFC 9110, section 5.6.1.2)
				continue
			}
			hop := parseHop(entry)
			if !hop.IsValid() {
				return client
			}
			client = hop
		}
	}
	return client
}

// cutLast cuts the last element off a comma-separated list.
func cutLast(list string) (before, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], strings.Trim(list[i+1:], " \t"), i >= 0
}

// parseHop reads an address that may have a port, and brackets if it is IPv6.
func parseHop(s string) netip.Addr {
	var addr netip.Addr
	if strings.Contains(s, "]:") || strings.Count(s, ":") == 1 {
		withPort, _ := netip.ParseAddrPort(s) // the zero value if it is none
		addr = withPort.Addr()
	} else {
		addr, _ = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	}
	return addr.Unmap().WithZone("")
}

// network is what sessions are counted by: an IPv4 address, or the /64 that one
// IPv6 client has all addresses of. Clients without an address count as one.
func network(client netip.Addr) netip.Addr {
	if !client.Is6() {
		return client
	}
	prefix, err := client.Prefix(64)
	if err != nil { // only for lengths that an address cannot have
		return client
	}
	return prefix.Addr()
}
