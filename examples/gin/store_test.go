package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func openTestStore(t *testing.T, dir string) *store {
	t.Helper()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() }) // again, if the test has done it
	return s
}

// close is left to the end of the process otherwise: what was appended is written.
func (s *store) close() error {
	if s.journal == nil {
		return nil
	}
	return s.journal.file.Close()
}

// say adds a message that must be stored.
func say(t *testing.T, s *store, from string, d draft) message {
	t.Helper()
	m, fresh, err := s.add(from, d)
	if err != nil || !fresh {
		t.Fatalf("%+v: fresh %v, %v", d, fresh, err)
	}
	return m
}

func texts(t *testing.T, s *store, room string) (all []string) {
	t.Helper()
	answer, err := s.since(room, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range answer.Messages {
		all = append(all, m.Text)
	}
	return all
}

func TestAddTwice(t *testing.T) {
	s := openTestStore(t, "")
	first := say(t, s, "ada", draft{ID: "1", Room: "general", Text: "hello"})
	again, fresh, err := s.add("ada", draft{ID: "1", Room: "general", Text: "hello"})
	if err != nil || fresh || again != first {
		t.Errorf("again: %+v, fresh %v, %v; want %+v", again, fresh, err, first)
	}
	say(t, s, "bob", draft{ID: "1", Room: "general", Text: "an id of another author is another id"})
	say(t, s, "ada", draft{Room: "general", Text: "without an id"})
	say(t, s, "ada", draft{Room: "general", Text: "without an id"})
	if n := len(texts(t, s, "general")); n != 4 {
		t.Errorf("%d messages, want 4", n)
	}
}

func TestRefusedDrafts(t *testing.T) {
	s := openTestStore(t, "")
	for _, c := range []struct {
		draft draft
		want  error
	}{
		{draft{Room: "general"}, errEmpty},
		{draft{Room: "general", Text: " \n\x00\u202e "}, errEmpty},
		{draft{Room: "general", Text: strings.Repeat("ä", maxText+1)}, errTooLong},
		{draft{Room: "general", Text: "a\xff"}, errBadText},
		{draft{Room: "general", Text: "a", ID: strings.Repeat("1", maxMessageID+1)}, errNoID},
		{draft{Room: "general", Text: "a", ID: "\xff"}, errNoID},
		{draft{Room: "nowhere", Text: "a"}, errNoRoom},
		{draft{Room: "__proto__", Text: "a"}, errNoRoom},
		{draft{Room: "general", Picture: []byte("<svg onload=alert(1)>")}, errNoPicture},
		{draft{Room: "general", Picture: []byte("\x89PNG\r\n\x1a\n")}, errNoPicture},
		{draft{Room: "general", Picture: make([]byte, maxPictureBytes+1)}, errPictureBig},
		{draft{Room: "general", Picture: picturePNG(t, maxPictureSide+1, 1)}, errPictureBig},
	} {
		if _, _, err := s.add("ada", c.draft); !errors.Is(err, c.want) {
			t.Errorf("%.60q: %v, want %v", c.draft.Text, err, c.want)
		}
	}
	if all := texts(t, s, "general"); len(all) > 0 {
		t.Errorf("stored %q", all)
	}
}

func TestCleanText(t *testing.T) {
	m := say(t, openTestStore(t, ""), "ada", draft{Room: "general", Text: "  one\r\n\ttwo\x1b[31m \u202etrap "})
	if want := "one\n\ttwo[31m trap"; m.Text != want {
		t.Errorf("%q, want %q", m.Text, want)
	}
}

func TestRoomNames(t *testing.T) {
	s := openTestStore(t, "")
	for _, name := range []string{"tea-time", "東京", "2026"} {
		if err := s.create(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "-", "Tea", "a b", "a/b", "../x", "room:a", "a\n", "<b>", "a\xff", strings.Repeat("a", 25)} {
		if err := s.create(name); !errors.Is(err, errRoomName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := s.create("general"); !errors.Is(err, errRoomTaken) {
		t.Errorf("general: %v", err)
	}
	for i := range maxRooms - len(s.list("ada")) {
		if err := s.create(fmt.Sprint("r", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.create("one-more"); !errors.Is(err, errTooMany) {
		t.Errorf("one more: %v", err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	s := openTestStore(t, "")
	small := picturePNG(t, 2, 3)
	for i := range maxPictures + 1 {
		say(t, s, "ada", draft{ID: fmt.Sprint("p", i), Room: "general", Picture: small})
	}
	if _, err := s.picture("general", 1); !errors.Is(err, errForgotten) {
		t.Errorf("the first picture: %v", err)
	}
	if data, err := s.picture("general", 2); err != nil || !slices.Equal(data, small) {
		t.Errorf("the second picture: %d bytes, %v", len(data), err)
	}
	for i := range maxMessages {
		say(t, s, "ada", draft{ID: fmt.Sprint(i), Room: "general", Text: fmt.Sprint(i)})
	}
	r := s.rooms["general"]
	if len(r.messages) != maxMessages || len(r.known) != maxMessages || r.pictures != 0 {
		t.Errorf("%d messages, %d known, %d pictures are kept", len(r.messages), len(r.known), r.pictures)
	}
	answer, err := s.since("general", r.last-2)
	if err != nil || answer.Gap || len(answer.Messages) != 2 {
		t.Errorf("the last two: %d messages, gap %v, %v", len(answer.Messages), answer.Gap, err)
	}
	answer, err = s.since("general", 1)
	if err != nil || !answer.Gap || len(answer.Messages) != maxMessages {
		t.Errorf("after the first: %d messages, gap %v, %v", len(answer.Messages), answer.Gap, err)
	}
}

func TestReadMarks(t *testing.T) {
	s := openTestStore(t, "")
	say(t, s, "ada", draft{Room: "general", Text: "hello"})
	for _, c := range []struct {
		room string
		seq  int64
		news bool
	}{{"general", 2, false}, {"general", -1, false}, {"nowhere", 1, false}, {"general", 1, true}, {"general", 1, false}} {
		if s.read("bob", c.room, c.seq) != c.news {
			t.Errorf("read %s up to %d: want news %v", c.room, c.seq, c.news)
		}
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	before := openTestStore(t, dir)
	if err := before.create("tea-time"); err != nil {
		t.Fatal(err)
	}
	small := picturePNG(t, 2, 3)
	first := say(t, before, "ada", draft{ID: "1", Room: "tea-time", Text: "hello", Picture: small})
	before.close()
	journal := filepath.Join(dir, "messages.jsonl")
	whole, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	half := []byte(`{"message":{"id":"2","room":"tea-time","seq":2,"text":"cut of`)
	junk := []byte("no json\n" + `{"message":{"id":"3","room":"unknown","seq":1}}` + "\n")
	if err := os.WriteFile(journal, slices.Concat(whole, junk, half), 0o600); err != nil {
		t.Fatal(err)
	}

	after := openTestStore(t, dir)
	if after.epoch != before.epoch {
		t.Error("another epoch: pages would forget their messages")
	}
	again, fresh, err := after.add("ada", draft{ID: "1", Room: "tea-time", Text: "hello", Picture: small})
	if err != nil || fresh || again.Seq != first.Seq || again.Text != first.Text || *again.Picture != *first.Picture {
		t.Errorf("the same draft: %+v, fresh %v, %v; want %+v", again, fresh, err, first)
	}
	if data, err := after.picture("tea-time", 1); err != nil || !slices.Equal(data, small) {
		t.Errorf("the picture: %d bytes, %v", len(data), err)
	}
	if m := say(t, after, "bob", draft{Room: "tea-time", Text: "back"}); m.Seq != 2 {
		t.Errorf("the next message has number %d", m.Seq)
	}
	after.close()
	if all := texts(t, openTestStore(t, dir), "tea-time"); !slices.Equal(all, []string{"hello", "back"}) {
		t.Errorf("after one more restart: %q", all)
	}
}

// A journal that cannot be written: the sender is told, and nothing is shown.
func TestJournalFails(t *testing.T) {
	s := openTestStore(t, t.TempDir())
	s.close()
	if _, _, err := s.add("ada", draft{ID: "1", Room: "general", Text: "hello"}); err == nil {
		t.Error("a message was taken that is not in the journal")
	}
	if err := s.create("tea-time"); err == nil {
		t.Error("a room was taken that is not in the journal")
	}
	if all := texts(t, s, "general"); len(all) > 0 || s.check("tea-time") == nil {
		t.Errorf("shown: %q", all)
	}
}

// What was written of a line that did not fit on the disk does not spoil the next.
func TestTakeBack(t *testing.T) {
	dir := t.TempDir()
	s := openTestStore(t, dir)
	say(t, s, "ada", draft{Room: "general", Text: "one"})
	n, err := s.journal.file.WriteString(`{"message":{"id":"half`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.journal.takeBack(n); err != nil {
		t.Fatal(err)
	}
	say(t, s, "ada", draft{Room: "general", Text: "two"})
	s.close()
	if all := texts(t, openTestStore(t, dir), "general"); !slices.Equal(all, []string{"one", "two"}) {
		t.Errorf("after a restart: %q", all)
	}
}
