package engineio

// traceRead tells the hook about a packet of the peer with n bytes of data.
func (s *Server) traceRead(session *Session, n int) {
	if s.opts.Trace.PacketRead != nil {
		s.opts.Trace.PacketRead(session.Transport(), n+1)
	}
}

// traceWritten tells the hook about the packets of a batch.
func (s *Session) traceWritten(transport string, batch []item) {
	written := s.server.opts.Trace.PacketWritten
	if written == nil {
		return
	}
	for _, it := range batch {
		if it.out == nil {
			written(transport, 1)
			continue
		}
		written(transport, len(it.out.Data)+1)
		for _, a := range it.out.Attachments {
			written(transport, len(a)+1)
		}
	}
}
