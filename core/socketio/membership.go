package socketio

import "slices"

// Join puts the socket into rooms. It returns ErrDisconnected once the socket is
// disconnected, ErrTooManyRooms or ErrRoomNameTooLong (see Options.MaxRooms and
// Options.MaxRoomLength), and joins none of the rooms then. Rooms that it is in already
// do not count. In a connect middleware the rooms are only noted, and count when the
// socket is connected. It does not block.
func (s *Socket) Join(rooms ...string) error {
	if err := s.server.checkRooms(rooms); err != nil {
		return err
	}
	if s.state.Load() == ended { // its id may be that of a recovered socket by now
		return ErrDisconnected
	}
	switch member, fits := s.ns.index.JoinWithin(s.server.opts.MaxRooms, s.id, rooms...); {
	case !member:
		return ErrDisconnected
	case !fits:
		return ErrTooManyRooms
	}
	return nil
}

// checkRooms reports whether the names of rooms are too long.
func (s *Server) checkRooms(rooms []string) error {
	max := s.opts.MaxRoomLength
	if max < 0 || !slices.ContainsFunc(rooms, func(room string) bool { return len(room) > max }) {
		return nil
	}
	return ErrRoomNameTooLong
}

// joinQuietly is Join on behalf of somebody who does not wait for the result.
func (s *Socket) joinQuietly(rooms []string) {
	err := s.Join(rooms...)
	if err == nil || err == ErrDisconnected || !s.server.logged.due("join: "+err.Error()) {
		return
	}
	s.server.opts.Logger.Warn("socketio: SocketsJoin left out a socket; reported once a minute for each cause",
		"namespace", s.ns.name, "socket", s.logID(), "error", err)
}

// Leave takes the socket out of rooms; those that it is not in are ignored. It has
// no effect once the socket is disconnected: it has left all rooms then.
func (s *Socket) Leave(rooms ...string) {
	if s.state.Load() != ended {
		s.ns.index.Leave(s.id, rooms...)
	}
}

// Rooms returns the rooms of the socket, its own id included. In an
// OnDisconnecting function it returns those that the socket was in; after that,
// none.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	final := slices.Clone(s.final)
	s.mu.Unlock()
	if final != nil {
		return final
	}
	return s.ns.index.Rooms(s.id)
}
