package socketio

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// owner identifies a node in what clients get to see, without its name.
type owner [6]byte

// keyring makes and checks what the nodes of a cluster tell each other by way of
// clients, and what proves that it comes from one of them. The id of a session is
//
//	<id>.<tag>     tag = base64url(hidden owner, 6 bytes ‖ proof, 6 bytes)
//
// The owner is hidden behind a mask that depends on the id, so that a client cannot
// even tell whether two sessions are on one node. The proof keeps those who make
// ids up from having the nodes ask each other.
type keyring struct{ secret []byte }

const (
	tagBytes = 12
	tagSize  = 16 // of the text
	maxSID   = 256
)

// sum is a MAC of the parts, for one purpose.
func (k keyring) sum(purpose string, parts ...string) [sha256.Size]byte {
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte("sio " + purpose))
	for _, p := range parts {
		n := len(p) // the lengths keep the parts apart
		m.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		m.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	m.Sum(sum[:0])
	return sum
}

// owner returns what stands for a node.
func (k keyring) owner(node string) owner {
	sum := k.sum("node", node)
	return owner(sum[:6])
}

// mask returns what hides the owner of a session.
func (k keyring) mask(id string) owner {
	sum := k.sum("mask", id)
	return owner(sum[:6])
}

func (k keyring) proof(id string, o owner) []byte {
	sum := k.sum("session", id, string(o[:]))
	return sum[:tagBytes-len(o)]
}

// tag returns the id of a session with a tag.
func (k keyring) tag(id string, o owner) string {
	var t [tagBytes]byte
	mask := k.mask(id)
	subtle.XORBytes(t[:], o[:], mask[:])
	copy(t[len(o):], k.proof(id, o))
	return id + "." + base64.RawURLEncoding.EncodeToString(t[:])
}

// ownerOf returns whose a session is. It reports false if no node of the cluster
// made the id.
func (k keyring) ownerOf(sid string) (o owner, ok bool) {
	i := len(sid) - tagSize - 1
	if i < 1 || len(sid) > maxSID || sid[i] != '.' {
		return o, false
	}
	id, tag := sid[:i], sid[i+1:]
	t, err := base64.RawURLEncoding.Strict().DecodeString(tag)
	if err != nil || len(t) != tagBytes {
		return o, false
	}
	mask := k.mask(id)
	subtle.XORBytes(o[:], t, mask[:])
	return o, hmac.Equal(t[len(o):], k.proof(id, o))
}

// hopProof is the part of the header that makes it genuine: for one session and one
// node.
func (k keyring) hopProof(to, sid, remote string) string {
	sum := k.sum("hop", to, sid, remote)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// sealHop returns the value of the header of a request that is forwarded: to whom,
// proof, and the address of the client.
func (k keyring) sealHop(to owner, sid, remote string) string {
	t := base64.RawURLEncoding.EncodeToString(to[:])
	return t + " " + k.hopProof(t, sid, remote) + " " + remote
}

// openHop is the opposite. It reports false if no node of the cluster made it, for
// a request of that session.
func (k keyring) openHop(value, sid string) (to owner, remote string, ok bool) {
	t, rest, _ := strings.Cut(value, " ")
	proof, remote, _ := strings.Cut(rest, " ")
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(t)
	if err != nil || len(decoded) != len(to) || !hmac.Equal([]byte(proof), []byte(k.hopProof(t, sid, remote))) {
		return to, "", false
	}
	return owner(decoded), remote, true
}

// announcementProof is what a node signs its URL with.
func (k keyring) announcementProof(node, url string) string {
	sum := k.sum("url", node, url)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
