package machine

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound what commands may ask for and what the machine remembers. They
// take part in the outcome of commands, so all replicas of a group must run
// with the same ones: where they differ in a way that matters, the state
// hashes differ and the replica is stopped (MACH-8).
type Limits struct {
	// MaxKey and MaxValue bound keys (at least 1) and values, in bytes.
	MaxKey   int
	MaxValue int
	// MaxOps bounds the operations of one command.
	MaxOps int
	// SessionTTL is the log time after which a session that was not heard of expires.
	SessionTTL time.Duration
	// MaxSessions bounds the sessions; opening one more evicts the one that was
	// silent for longest.
	MaxSessions int
	// SessionWindow bounds how far Seq may run ahead of the acknowledged numbers.
	SessionWindow int
	// MaxSavedResults bounds the saved results of all sessions together: once there are
	// so many, each session's window shrinks to 1/64 of SessionWindow.
	MaxSavedResults int
	// MaxSavedBytes bounds the memory of saved results of all sessions together;
	// beyond it new ones are kept in the engine alone.
	MaxSavedBytes int
}

// maxResult bounds the values in one result, in bytes: a command that would return more is answered with
// StatusInvalid. It takes part in the outcome of commands like the limits.
const maxResult = 32 << 20

// DefaultLimits are the limits of a partition unless its operator says otherwise.
func DefaultLimits() Limits {
	return Limits{
		MaxKey:          4 << 10,
		MaxValue:        1 << 20,
		MaxOps:          128,
		SessionTTL:      10 * time.Minute,
		MaxSessions:     1 << 16,
		SessionWindow:   1024,
		MaxSavedResults: 1 << 20,
		MaxSavedBytes:   64 << 20,
	}
}

// check says what is wrong with the limits.
func (l *Limits) check() error {
	for _, f := range []struct {
		name string
		v    int64
	}{
		{"MaxKey", int64(l.MaxKey)},
		{"MaxValue", int64(l.MaxValue)},
		{"MaxOps", int64(l.MaxOps)},
		{"SessionTTL", int64(l.SessionTTL)},
		{"MaxSessions", int64(l.MaxSessions)},
		{"SessionWindow", int64(l.SessionWindow)},
		{"MaxSavedResults", int64(l.MaxSavedResults)},
		{"MaxSavedBytes", int64(l.MaxSavedBytes)},
	} {
		if f.v <= 0 {
			return fmt.Errorf("machine: limit %s is %d, it must be positive", f.name, f.v)
		}
	}
	return nil
}

var (
	errKeyEmpty     = errors.New("the key is empty; keys have at least one byte")
	errNoOps        = errors.New("the command has no operations")
	errCondVersion  = errors.New("a condition on version 0 can never hold; use CondAbsent")
	errSeqZero      = errors.New("a command in a session needs a request number of at least 1")
	errSeqNoSession = errors.New("a request number without a session means nothing")
)

// Check says why a command would be refused as StatusInvalid, nil if it would
// not be. Callers use it to refuse early; Apply judges by the same rule.
func (l *Limits) Check(c *Command) error {
	if c.Kind != CmdApply {
		return nil
	}
	switch {
	case len(c.Ops) == 0:
		return errNoOps
	case len(c.Ops) > l.MaxOps:
		return fmt.Errorf("the command has %d operations, the limit is %d", len(c.Ops), l.MaxOps)
	case c.Session != 0 && c.Seq == 0:
		return errSeqZero
	case c.Session == 0 && c.Seq != 0:
		return errSeqNoSession
	}
	for i := range c.Ops {
		if err := l.checkOp(&c.Ops[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Limits) checkOp(op *Op) error {
	switch {
	case len(op.Key) == 0:
		return errKeyEmpty
	case len(op.Key) > l.MaxKey:
		return fmt.Errorf("the key has %d bytes, the limit is %d", len(op.Key), l.MaxKey)
	case len(op.Value) > l.MaxValue:
		return fmt.Errorf("the value has %d bytes, the limit is %d", len(op.Value), l.MaxValue)
	case len(op.CondValue) > l.MaxValue:
		return fmt.Errorf("the expected value has %d bytes, the limit is %d", len(op.CondValue), l.MaxValue)
	case op.Cond == CondVersion && op.CondVersion == 0:
		return errCondVersion
	}
	return nil
}
