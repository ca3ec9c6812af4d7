package live

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// dieWithParent lets the kernel kill a process when the thread that started it ends
// (LIVE-1).
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// isStopped asks the kernel whether a process is stopped by a signal.
func isStopped(pid int) (bool, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false, err
	}
	// The state follows the name, which is in parentheses and may hold anything.
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 || i+2 >= len(stat) {
		return false, fmt.Errorf("live: cannot read the state of process %d from %q", pid, stat)
	}
	return stat[i+2] == 'T', nil
}

// residentBytes is how much of a process is in memory.
func residentBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, fmt.Errorf("live: cannot read the memory of process %d from %q: %w", pid, text, err)
	}
	return resident * int64(os.Getpagesize()), nil
}
