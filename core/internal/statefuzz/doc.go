// Package statefuzz has tests of the whole server at once.
//
// FuzzSessions runs programs: sequences of steps that up to four clients and the
// application take, over both transports and both revisions of the protocol, valid and
// invalid ones, at once or one after the other. A simple model says what must come of
// it, and what must not. TestModel runs random programs, for those who do not fuzz.
//
// TestStress calls everything that is exported from many goroutines, under the race
// detector.
package statefuzz
