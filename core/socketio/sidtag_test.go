package socketio_test

import (
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/socketio"
)

func TestSessionTags(t *testing.T) {
	keys, others := socketio.NewKeyring(secret), socketio.NewKeyring("another secret of the same sort")
	a, b := keys.Owner("a"), keys.Owner("b")
	for _, id := range []string{"x", "with.dots.in.it", strings.Repeat("i", 200)} {
		sid := keys.Tag(id, a)
		if got, ok := keys.OwnerOf(sid); !ok || got != a {
			t.Errorf("%q: owner %v, %v", sid, got, ok)
		}
		if _, ok := others.OwnerOf(sid); ok {
			t.Errorf("%q: taken for genuine with another secret", sid)
		}
		if keys.Tag(id, b) == sid {
			t.Errorf("%q: two nodes have the same tag", sid)
		}
		for i := range sid {
			for _, c := range []string{"A", "b", "-", ".", "\x00", "é"} {
				changed := sid[:i] + c + sid[i+1:]
				if _, ok := keys.OwnerOf(changed); ok && changed != sid {
					t.Errorf("%q: taken for genuine, made from %q", changed, sid)
				}
			}
			if _, ok := keys.OwnerOf(sid[:i]); ok {
				t.Errorf("%q: taken for genuine", sid[:i])
			}
		}
	}
	if _, ok := keys.OwnerOf(keys.Tag(strings.Repeat("i", 4096), a)); ok {
		t.Error("an id of 4 KB is looked at")
	}
}

// A client cannot tell which of its sessions are on one node.
func TestSessionTagsHideTheNode(t *testing.T) {
	keys := socketio.NewKeyring(secret)
	seen := map[string]bool{}
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		sid := keys.Tag(id, keys.Owner("a"))
		tag := sid[strings.LastIndexByte(sid, '.'):]
		for i := 1; i+4 <= len(tag); i++ {
			if part := tag[i : i+4]; seen[part] {
				t.Errorf("%q is in the tags of two sessions", part)
			}
		}
		for i := 1; i+4 <= len(tag); i++ {
			seen[tag[i:i+4]] = true
		}
	}
}

func TestForwardHeaderIsBound(t *testing.T) {
	keys := socketio.NewKeyring(secret)
	to := keys.Owner("a")
	for _, remote := range []string{"1.2.3.4:5", "[::1]:80", "@", "", "with space"} {
		value := keys.SealHop(to, "sid", remote)
		if got, addr, ok := keys.OpenHop(value, "sid"); !ok || got != to || addr != remote {
			t.Errorf("%q: %v %q %v", value, got, addr, ok)
		}
		if _, _, ok := keys.OpenHop(value, "other"); ok {
			t.Errorf("%q holds for another session", value)
		}
		if _, _, ok := keys.OpenHop(value+"6", "sid"); ok {
			t.Errorf("%q holds for another address", value)
		}
		for i := range value {
			if _, _, ok := keys.OpenHop(value[:i], "sid"); ok && value[:i] != strings.TrimSpace(value) {
				t.Errorf("%q is genuine", value[:i])
			}
		}
	}
}

func FuzzForwardedSession(f *testing.F) {
	keys := socketio.NewKeyring(secret)
	o := keys.Owner("a")
	f.Add(keys.Tag("id", o), keys.SealHop(o, "id", "1.2.3.4:5"))
	f.Add("."+strings.Repeat("A", 16), "AAAAAAAA  ")
	f.Fuzz(func(t *testing.T, sid, value string) {
		if _, ok := keys.OwnerOf(sid); ok && sid != keys.Tag(sid[:len(sid)-17], o) {
			t.Errorf("%q is genuine", sid)
		}
		if to, remote, ok := keys.OpenHop(value, sid); ok && value != keys.SealHop(to, sid, remote) {
			t.Errorf("%q is genuine for %q", value, sid)
		}
	})
}
