package main

import (
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gosocketio/sio/core/socketio"
)

const (
	maxRooms     = 50
	maxMessages  = 300 // kept in a room; a draft that is sent again is recognised among them
	maxPictures  = 30  // kept in a room
	maxText      = 2000
	maxMessageID = 64
)

var (
	roomNames  = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}][\p{Ll}\p{Lo}\p{N}-]{0,23}$`)
	firstRooms = []string{"general", "pictures", "random"}
)

// What the store refuses, in words for users.
var (
	errNoRoom    = &socketio.Error{Message: "There is no such room."}
	errRoomName  = &socketio.Error{Message: "The name of a room has up to 24 small letters and digits, with hyphens between them."}
	errRoomTaken = &socketio.Error{Message: "There is a room of that name already."}
	errTooMany   = &socketio.Error{Message: "There are enough rooms."}
	errEmpty     = &socketio.Error{Message: "There is nothing in the message."}
	errTooLong   = &socketio.Error{Message: "The message is too long: 2000 characters are allowed."}
	errBadText   = &socketio.Error{Message: "The message is not readable text."}
	errNoID      = &socketio.Error{Message: "The message has no proper id."}
	errForgotten = &socketio.Error{Message: "This picture is no longer kept."}
)

// store has the rooms and their last messages in memory, and writes them to a
// journal so that they survive a restart. How far somebody has read is forgotten.
type store struct {
	epoch string

	mu      sync.Mutex
	rooms   map[string]*room // guarded by mu
	order   []string         // the names of rooms, oldest first; guarded by mu
	journal *journal         // nil if nothing is kept; guarded by mu
}

type room struct {
	last     int64
	messages []stored
	known    map[messageKey]bool // those of messages
	pictures int                 // among messages
	read     map[string]int64    // by user
}

// stored is a message and the bytes of its picture.
type stored struct {
	message
	data []byte
}

type messageKey struct{ from, id string }

// openStore reads the journal in dir. If dir is empty, nothing outlives the program.
func openStore(dir string) (*store, error) {
	s := &store{epoch: rand.Text(), rooms: make(map[string]*room)}
	if dir != "" {
		if err := s.load(dir); err != nil {
			return nil, err
		}
	}
	for _, name := range firstRooms {
		if s.rooms[name] == nil {
			if err := s.create(name); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *store) check(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[name] == nil {
		return errNoRoom
	}
	return nil
}

func (s *store) create(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !roomNames.MatchString(name):
		return errRoomName
	case s.rooms[name] != nil:
		return errRoomTaken
	case len(s.order) >= maxRooms:
		return errTooMany
	}
	if err := s.journal.append(entry{Room: name}); err != nil {
		return err
	}
	s.addRoomLocked(name)
	return nil
}

func (s *store) addRoomLocked(name string) {
	if s.rooms[name] == nil {
		s.rooms[name] = &room{known: make(map[messageKey]bool), read: make(map[string]int64)}
		s.order = append(s.order, name)
	}
}

// list returns the rooms as user knows them.
func (s *store) list(user string) []roomInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := make([]roomInfo, len(s.order))
	for i, name := range s.order {
		r := s.rooms[name]
		rooms[i] = roomInfo{name, r.last, r.read[user]}
	}
	return rooms
}

// since returns the messages of a room after the one of that number.
func (s *store) since(name string, after int64) (openAnswer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		return openAnswer{}, errNoRoom
	}
	answer := openAnswer{Messages: []message{}, Read: maps.Clone(r.read)}
	for _, m := range r.messages {
		if m.Seq > after {
			answer.Messages = append(answer.Messages, m.message)
		}
	}
	answer.Gap = after > 0 && after < r.last-int64(len(answer.Messages))
	return answer, nil
}

// add stores a draft. If it is stored already, the message is returned and fresh
// is false. A message that is returned without an error is in the journal.
func (s *store) add(from string, d draft) (m message, fresh bool, err error) {
	if d.Text, err = cleanText(d.Text); err != nil {
		return m, false, err
	}
	if d.ID == "" { // of a program that does not repeat itself
		d.ID = rand.Text()
	}
	var pic *picture
	switch {
	case len(d.ID) > maxMessageID || !utf8.ValidString(d.ID):
		return m, false, errNoID
	case len(d.Picture) > 0:
		if pic, err = inspect(d.Picture); err != nil {
			return m, false, err
		}
	case d.Text == "":
		return m, false, errEmpty
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[d.Room]
	if r == nil {
		return m, false, errNoRoom
	}
	if m, ok := r.find(messageKey{from, d.ID}); ok {
		return m, false, nil
	}
	m = message{ID: d.ID, Room: d.Room, Seq: r.last + 1, From: from, Text: d.Text, At: time.Now().UnixMilli(), Picture: pic}
	if err := s.journal.append(entry{Message: &m, Data: d.Picture}); err != nil {
		return message{}, false, err
	}
	r.append(stored{m, d.Picture})
	return m, true, nil
}

// append adds a message and forgets the oldest beyond the limits.
func (r *room) append(m stored) {
	r.last = m.Seq
	r.messages = append(r.messages, m)
	r.known[messageKey{m.From, m.ID}] = true
	if m.data != nil {
		r.pictures++
	}
	for i := 0; r.pictures > maxPictures; i++ {
		r.forgetPicture(i)
	}
	if len(r.messages) > maxMessages {
		r.forgetPicture(0)
		delete(r.known, messageKey{r.messages[0].From, r.messages[0].ID})
		r.messages = slices.Delete(r.messages, 0, 1)
	}
}

func (r *room) forgetPicture(i int) {
	if r.messages[i].data != nil {
		r.messages[i].data = nil
		r.pictures--
	}
}

func (r *room) find(key messageKey) (message, bool) {
	if !r.known[key] {
		return message{}, false
	}
	i := slices.IndexFunc(r.messages, func(m stored) bool { return m.From == key.from && m.ID == key.id })
	return r.messages[i].message, true
}

// picture returns the bytes of a message's picture, which must not be changed.
func (s *store) picture(name string, seq int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		return nil, errNoRoom
	}
	i := slices.IndexFunc(r.messages, func(m stored) bool { return m.Seq == seq })
	if i < 0 || r.messages[i].data == nil {
		return nil, errForgotten
	}
	return r.messages[i].data, nil
}

// read notes how far a user has read a room, and reports whether that is news.
func (s *store) read(user, name string, seq int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil || seq > r.last || seq <= r.read[user] {
		return false
	}
	r.read[user] = seq
	return true
}

// cleanText returns the text as it is stored: without space around it, and without
// control characters that could disturb its surroundings.
func cleanText(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errBadText
	}
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r >= 0x202a && r <= 0x202e { // and overrides of direction
			return -1
		}
		return r
	}, text))
	if utf8.RuneCountInString(text) > maxText {
		return "", errTooLong
	}
	return text, nil
}
