//go:build linux

package main

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// cpuSample is what the kernel says of processor time at one moment.
type cpuSample struct {
	user, sys float64 // the server and its children, s
	gen       float64 // this program, s
	busy      float64 // whole machine, s (without steal)
	steal     float64
	at        int64
}

const clkTck = 100.0

func readStat(pid int) (ppid int, user, sys, cuser, csys float64, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return
	}
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 15 {
		return
	}
	num := func(k int) float64 { v, _ := strconv.ParseFloat(f[k], 64); return v / clkTck }
	ppid, _ = strconv.Atoi(f[1])
	return ppid, num(11), num(12), num(13), num(14), true
}

// tree lists pid and all its living descendants.
func tree(pid int) []int {
	if pid <= 0 {
		return nil
	}
	out := []int{pid}
	d, err := os.Open("/proc")
	if err != nil {
		return out
	}
	names, _ := d.Readdirnames(-1)
	d.Close()
	parent := map[int]int{}
	for _, n := range names {
		if p, err := strconv.Atoi(n); err == nil {
			if pp, _, _, _, _, ok := readStat(p); ok {
				parent[p] = pp
			}
		}
	}
	for i := 0; i < len(out); i++ {
		for p, pp := range parent {
			if pp == out[i] && p != pid {
				out = append(out, p)
			}
		}
	}
	return out
}

func sampleCPU(pids []int, at int64) cpuSample {
	s := cpuSample{at: at}
	for _, p := range pids {
		if _, u, y, cu, cy, ok := readStat(p); ok {
			s.user += u + cu
			s.sys += y + cy
		}
	}
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		s.gen = float64(ru.Utime.Sec+ru.Stime.Sec) + float64(ru.Utime.Usec+ru.Stime.Usec)/1e6
	}
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		if nl := bytes.IndexByte(b, '\n'); nl > 0 {
			f := strings.Fields(string(b[:nl]))
			g := func(i int) float64 {
				if i >= len(f) {
					return 0
				}
				v, _ := strconv.ParseFloat(f[i], 64)
				return v / clkTck
			}
			s.busy = g(1) + g(2) + g(3) + g(6) + g(7)
			s.steal = g(8)
		}
	}
	return s
}

// memKiB sums RSS and PSS over the processes.
func memKiB(pids []int) (rss, pss float64) {
	for _, p := range pids {
		f, err := os.Open("/proc/" + strconv.Itoa(p) + "/smaps_rollup")
		if err != nil {
			continue
		}
		sc := bufio.NewScanner(f)
		for sc.Scan() {
			l := sc.Text()
			if v, ok := strings.CutPrefix(l, "Rss:"); ok {
				rss += kib(v)
			} else if v, ok := strings.CutPrefix(l, "Pss:"); ok {
				pss += kib(v)
			}
		}
		f.Close()
	}
	return
}

func kib(s string) float64 {
	v, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "kB")), 64)
	return v
}

// fdLimitOf reads a process's soft limit on open files.
func fdLimitOf(pid int) int {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if err != nil {
		return 1 << 30
	}
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(l, "Max open files") {
			f := strings.Fields(l)
			if len(f) > 3 {
				if v, err := strconv.Atoi(f[3]); err == nil {
					return v
				}
			}
		}
	}
	return 1 << 30
}
