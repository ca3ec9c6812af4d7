//go:build !linux

package live

import "syscall"

// dieWithParent has no counterpart here: Close alone ends the processes.
func dieWithParent() *syscall.SysProcAttr { return nil }

// isStopped believes the signal, as there is no portable way to ask.
func isStopped(int) (bool, error) { return true, nil }

// residentBytes is not known here.
func residentBytes(int) (int64, error) { return 0, nil }
