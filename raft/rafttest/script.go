package rafttest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/datadriven"
)

// Script runs the commands of a golden interaction script (see doc.go) on one Cluster.
type Script struct {
	cluster *Cluster
}

// commands is the whole language.
var commands = map[string]func(*Script, *args) error{
	"add-replicas": addReplicas,
	"tick":         tick,
	"run":          runFor,
	"campaign":     campaign,
	"propose":      propose,
	"read":         read,
	"transfer":     transfer,
	"wake":         wake,
	"change":       change,
	"compact":      compact,
	"snapshot":     snapshot,
	"deliver":      deliver,
	"drop":         drop,
	"mail":         mail,
	"disk":         disk,
	"persist":      persist,
	"crash":        crash,
	"restart":      restart,
	"reset":        reset,
	"fetch":        fetch,
	"isolate":      isolate,
	"heal":         heal,
	"stabilize":    stabilize,
	"status":       status,
	"log":          showLog,
}

// Run carries out one command and returns what happened, as text. The error says what
// is wrong with the script itself, or which invariant broke; the text up to
// there comes with it.
func (s *Script) Run(d *datadriven.TestData) (string, error) {
	run, ok := commands[d.Cmd]
	if !ok {
		return "", fmt.Errorf("%s: unknown command %q", d.Pos, d.Cmd)
	}
	if s.cluster == nil && d.Cmd != "add-replicas" {
		return "", fmt.Errorf("%s: %s before add-replicas", d.Pos, d.Cmd)
	}
	a := parse(d)
	quiet := a.flag("quiet")
	err := run(s, a)
	if err = errors.Join(err, a.problems()); err != nil {
		return "", fmt.Errorf("%s: %s: %w", d.Pos, d.Cmd, err)
	}
	text := s.cluster.Trace()
	if err := s.cluster.Err(); err != nil {
		return text, fmt.Errorf("%s: %s: %s%w\n%s", d.Pos, d.Cmd, violation, err, text)
	}
	if quiet || strings.TrimSpace(text) == "" {
		text = "ok\n"
	}
	return text, nil
}
