//go:build unix && (!linux || race)

package ws

import "syscall"

func sysRead(fd uintptr, p []byte) (int, error) { return ignoringEINTR(syscall.Read, fd, p) }

func sysWrite(fd uintptr, p []byte) (int, error) { return ignoringEINTR(syscall.Write, fd, p) }

func ignoringEINTR(do func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := do(int(fd), p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
