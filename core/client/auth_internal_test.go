package client

import "testing"

// An AuthFunc may return a nil map, which is a value all the same.
func TestRecoveryWithNilAuth(t *testing.T) {
	auth, err := withRecovery(nil, map[string]any(nil), "p", "1")
	if fields, _ := auth.(map[string]any); err != nil || fields["pid"] != "p" || fields["offset"] != "1" {
		t.Errorf("auth %v, %v", auth, err)
	}
}
