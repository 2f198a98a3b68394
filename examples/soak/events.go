package main

import "github.com/gosocketio/sio/core/socketio"

// Note is what a client sends: numbered, by a writer of which there is only one.
type Note struct {
	Writer string
	Number int
	Again  bool // it may have been sent before, since it is sent until it is acknowledged
}

// News is what the server broadcasts to a room, numbered for each room.
type News struct {
	Room   string
	Number int
	Text   string
}

// The events of the two programs.
var (
	Write    = socketio.CallType[Note, int]{Name: "note"}
	Blob     = socketio.CallType[[]byte, []byte]{Name: "blob"}
	Enter    = socketio.EventType[string]{Name: "enter"} // a room
	Exit     = socketio.EventType[string]{Name: "exit"}
	Tell     = socketio.EventType[News]{Name: "news"}
	Question = socketio.CallType[int, int]{Name: "question"}
)

const (
	privateNamespace = "/private" // needs a token
	goodToken        = "open sesame"
	teamPattern      = `^/team-\d+$`
)

// roomNames are the rooms that the server has news for.
var roomNames = []string{"north", "east", "south", "west"}
