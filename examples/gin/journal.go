package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// journal is the file that the messages are in, an entry a line. A nil journal
// keeps nothing.
type journal struct{ file *os.File }

// entry is a line of the journal: one of Epoch, Room and Message is set.
type entry struct {
	Epoch   string   `json:"epoch,omitempty"`
	Room    string   `json:"room,omitempty"`
	Message *message `json:"message,omitempty"`
	Data    []byte   `json:"data,omitempty"` // the picture of the message
}

// append writes an entry. The operating system has it when append returns, so it
// survives the end of the program, but not that of the machine.
func (j *journal) append(e entry) error {
	if j == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	n, err := j.file.Write(append(line, '\n'))
	if err != nil {
		err = errors.Join(err, j.takeBack(n))
	}
	return err
}

// takeBack removes the last bytes: half a line would spoil the next one.
func (j *journal) takeBack(n int) error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	return j.file.Truncate(info.Size() - int64(n))
}

// load reads the journal of dir, puts one of what is still kept in its place, and
// goes on with that.
func (s *store) load(dir string) error {
	name := filepath.Join(dir, "messages.jsonl")
	if err := s.replay(name); err != nil {
		return err
	}
	if err := s.rewrite(name + ".new"); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	s.journal = &journal{file}
	return err
}

// replay reads a journal. A line that was not written to its end is left out.
func (s *store) replay(name string) error {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var e entry
		if json.Unmarshal(line, &e) == nil {
			s.apply(e)
		}
	}
}

func (s *store) apply(e entry) {
	switch m := e.Message; {
	case e.Epoch != "":
		s.epoch = e.Epoch
	case e.Room != "":
		s.addRoomLocked(e.Room)
	case m != nil && s.rooms[m.Room] != nil:
		s.rooms[m.Room].append(stored{*m, e.Data})
	}
}

func (s *store) rewrite(name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	j := &journal{file}
	err = j.append(entry{Epoch: s.epoch})
	for _, name := range s.order {
		err = errors.Join(err, j.append(entry{Room: name}))
		for _, m := range s.rooms[name].messages {
			err = errors.Join(err, j.append(entry{Message: &m.message, Data: m.data}))
		}
	}
	return errors.Join(err, file.Close())
}
