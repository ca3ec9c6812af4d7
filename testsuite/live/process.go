package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// process is one started program.
type process struct {
	cmd *exec.Cmd
	// done is closed when the process has ended and state says how.
	done  chan struct{}
	state *os.ProcessState
}

// startProcess starts a program. Settings of this process's environment
// (HOLDFAST_…) do not reach it. ended, if not nil, is told how it ended, before done is closed.
func startProcess(binary string, args []string, stdin io.Reader, stdout, stderr io.Writer, ended func(*os.ProcessState)) (*process, error) {
	cmd := exec.Command(binary, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.SysProcAttr = dieWithParent()
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HOLDFAST_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The child lives no longer than the thread that starts it, so this one
		// stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // state has what matters
		p.state = cmd.ProcessState
		if ended != nil {
			ended(p.state)
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("live: starting %s: %w", binary, err)
	}
	return p, nil
}

// ended tells whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal sends a signal; a process that has ended is an error.
func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("live: signal %v to process %d: %w", s, p.cmd.Process.Pid, err)
	}
	return nil
}

// wait waits for the end.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("live: process %d has not ended: %w", p.cmd.Process.Pid, ctx.Err())
	}
}

// wasKilled tells whether the process, which has ended, was ended by SIGKILL.
func (p *process) wasKilled() bool {
	return killed(p.state)
}

func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Exit is how a program ended.
type Exit struct {
	// Code is the exit code, -1 if a signal ended the program.
	Code           int
	Stdout, Stderr string
}

// String is for the messages of tests.
func (e Exit) String() string {
	return fmt.Sprintf("exit code %d\nstdout: %s\nstderr: %s", e.Code, e.Stdout, e.Stderr)
}

// Exec runs a program to its end. If ctx ends first the program is killed, which
// is an error; an exit code other than 0 is none.
func Exec(ctx context.Context, stdin, binary string, args ...string) (Exit, error) {
	var stdout, stderr bytes.Buffer
	p, err := startProcess(binary, args, strings.NewReader(stdin), &stdout, &stderr, nil)
	if err != nil {
		return Exit{}, err
	}
	err = p.wait(ctx)
	if err != nil {
		err = errors.Join(err, p.cmd.Process.Kill())
		<-p.done
	}
	exit := Exit{Code: p.state.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	if err != nil {
		return exit, fmt.Errorf("%w\n%s %s\n%s", err, binary, strings.Join(args, " "), exit)
	}
	return exit, nil
}
