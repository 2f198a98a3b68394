//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// quiet waits until the named processors are really ours: it spins on each of
// them for a moment and compares the time that passed with the processor time
// it got. What is missing went to other programs, or to other machines on the
// same host.
func quiet(args []string) {
	fs := flag.NewFlagSet("quiet", flag.ExitOnError)
	cpus := fs.String("cpus", "0,1", "processors")
	span := fs.Duration("for", 250*time.Millisecond, "length of one look")
	most := fs.Float64("max", 0.08, "share of the time that may be missing")
	limit := fs.Duration("limit", 60*time.Second, "give up waiting after this long")
	fs.Parse(args)
	var list []int
	for _, s := range strings.Split(*cpus, ",") {
		if v, err := strconv.Atoi(s); err == nil && v >= 0 {
			list = append(list, v)
		}
	}
	runtime.GOMAXPROCS(len(list) + 2)
	end := time.Now().Add(*limit)
	for {
		got := make(chan float64, len(list))
		for _, c := range list {
			go func() { got <- spinOn(c, *span) }()
		}
		worst := 0.0
		for range list {
			worst = max(worst, <-got)
		}
		if worst <= *most {
			return
		}
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "not quiet: %.0f %% of a processor missing\n", worst*100)
			os.Exit(1)
		}
		time.Sleep(2 * time.Second)
	}
}

func spinOn(cpu int, d time.Duration) float64 {
	runtime.LockOSThread()
	var mask [16]uint64
	mask[cpu/64] = 1 << (cpu % 64)
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	t0, c0 := time.Now(), threadCPU()
	s0 := stealTicks(cpu)
	for time.Since(t0) < d {
	}
	wall := float64(time.Since(t0))
	return max(1-float64(threadCPU()-c0)/wall, (stealTicks(cpu)-s0)/clkTck/(wall/1e9))
}

// stealTicks reads the time stolen from one processor, or from all together
// where it has no line of its own.
func stealTicks(cpu int) float64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	for _, l := range strings.Split(string(b), "\n") {
		f := strings.Fields(l)
		if len(f) > 8 && f[0] == "cpu"+strconv.Itoa(cpu) {
			v, _ := strconv.ParseFloat(f[8], 64)
			return v
		}
	}
	return 0
}
