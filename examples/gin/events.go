package main

import "github.com/gosocketio/sio/core/socketio"

// What the page sends. The answer of a call is its acknowledgement.
var (
	openRoom   = socketio.CallType[openRequest, openAnswer]{Name: "open"}
	createRoom = socketio.CallType[string, socketio.None]{Name: "create"}
	postDraft  = socketio.CallType[draft, receipt]{Name: "post"}
	getPicture = socketio.CallType[pictureRequest, []byte]{Name: "picture"}
	markRead   = socketio.EventType[mark]{Name: "read"}
	typing     = socketio.EventType[typist]{Name: "typing"} // is also sent to the others in the room
)

// What the server sends.
var (
	welcomed = socketio.EventType[welcome]{Name: "welcome"}  // first of all, to each socket
	created  = socketio.EventType[roomInfo]{Name: "room"}    // there is a new room
	posted   = socketio.EventType[message]{Name: "message"}  // to those who have the room open
	stirred  = socketio.EventType[mark]{Name: "activity"}    // to all others
	marked   = socketio.EventType[mark]{Name: "read"}        // somebody has read so far
	gathered = socketio.EventType[presence]{Name: "present"} // who has the room open
	kicked   = socketio.EventType[kick]{Name: "kicked"}      // the last words before a disconnect
)

// What admin sends, in the namespace /admin.
var kickUser = socketio.CallType[kick, socketio.None]{Name: "kick"}

type (
	welcome struct {
		User  string     `json:"user"`
		Epoch string     `json:"epoch"` // changes when the server has forgotten all messages
		Rooms []roomInfo `json:"rooms"`
	}
	roomInfo struct {
		Name string `json:"name"`
		Last int64  `json:"last"` // the number of its last message; 0 if there is none
		Read int64  `json:"read"` // up to where the user has read, as far as the server knows
	}
	openRequest struct {
		Room  string `json:"room"`
		After int64  `json:"after"` // the last message that the page knows
	}
	openAnswer struct {
		Messages []message        `json:"messages"`
		Gap      bool             `json:"gap"`  // there were more after After, which are not kept
		Read     map[string]int64 `json:"read"` // by user
	}
	// draft is a message on its way to the server. The page makes up its id, and
	// repeats it when it sends the draft again: so it is stored once.
	draft struct {
		ID      string `json:"id"`
		Room    string `json:"room"`
		Text    string `json:"text"`
		Picture []byte `json:"picture"`
	}
	receipt struct {
		Seq int64 `json:"seq"`
		At  int64 `json:"at"`
	}
	message struct {
		ID      string   `json:"id"` // unique among the messages of one author
		Room    string   `json:"room"`
		Seq     int64    `json:"seq"` // counts the messages of a room, from 1 on
		From    string   `json:"from"`
		Text    string   `json:"text"`
		At      int64    `json:"at"` // ms since 1970
		Picture *picture `json:"picture,omitempty"`
	}
	// picture describes a picture. The page asks for its bytes when it shows it.
	picture struct {
		Type   string `json:"type"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
	}
	pictureRequest struct {
		Room string `json:"room"`
		Seq  int64  `json:"seq"`
	}
	mark struct {
		Room string `json:"room"`
		Seq  int64  `json:"seq"`
		User string `json:"user,omitempty"`
	}
	typist struct {
		Room string `json:"room"`
		User string `json:"user"`
	}
	presence struct {
		Room    string   `json:"room"`
		Version int64    `json:"version"` // the greatest is the latest
		Users   []string `json:"users"`
	}
	kick struct {
		User   string `json:"user"`
		Reason string `json:"reason"`
	}
)
