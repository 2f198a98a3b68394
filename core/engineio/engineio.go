// Package engineio is the Engine.IO layer: sessions over HTTP long-polling and
// WebSocket, and the upgrade from one to the other. It knows nothing of
// Socket.IO packets and can be used on its own.
package engineio
