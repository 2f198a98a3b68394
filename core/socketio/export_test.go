package socketio

// Keyring is what session ids and forwarded requests are tagged with.
type Keyring = keyring

// NewKeyring returns a keyring with a secret.
func NewKeyring(secret string) Keyring { return keyring{[]byte(secret)} }

// Owner stands for a node.
func (k Keyring) Owner(node string) owner { return k.owner(node) }

// Tag returns the id of a session of a node.
func (k Keyring) Tag(id string, o owner) string { return k.tag(id, o) }

// OwnerOf returns whose a session is.
func (k Keyring) OwnerOf(sid string) (owner, bool) { return k.ownerOf(sid) }

// SealHop returns what says that a request was forwarded.
func (k Keyring) SealHop(to owner, sid, remote string) string { return k.sealHop(to, sid, remote) }

// OpenHop is the opposite.
func (k Keyring) OpenHop(value, sid string) (owner, string, bool) { return k.openHop(value, sid) }

// ForwardHeader is the header that carries it.
const ForwardHeader = forwardHeader
