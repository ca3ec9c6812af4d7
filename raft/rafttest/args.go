package rafttest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/holdfastdb/holdfast/raft"
)

// args are the arguments of one command. What no one asked for, and what does not
// parse, is a problem: a misspelt option must not pass for a default.
type args struct {
	replicas []raft.ReplicaID
	words    []string
	options  []option
	wrong    []error
}

type option struct {
	name   string
	values []string
	used   bool
}

// parse sorts the arguments: r<n>, or r<n>.<generation>, names a replica, name=value is an option, all
// else is a word.
func parse(d *datadriven.TestData) *args {
	a := &args{}
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) > 0 {
			a.options = append(a.options, option{name: arg.Key, values: arg.Vals})
		} else if id, ok := replicaID(arg.Key); ok {
			a.replicas = append(a.replicas, id)
		} else {
			a.words = append(a.words, arg.Key)
		}
	}
	return a
}

func replicaID(word string) (raft.ReplicaID, bool) {
	digits, ok := strings.CutPrefix(word, "r")
	digits, generation, later := strings.Cut(digits, ".")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || !later || n == 0 {
		return raft.ReplicaID(n), ok && err == nil && !later
	}
	g, err := strconv.ParseUint(generation, 10, 32)
	return raft.MakeReplicaID(n, uint32(g)), err == nil
}

func (a *args) fail(format string, values ...any) {
	a.wrong = append(a.wrong, fmt.Errorf(format, values...))
}

// problems returns all that is wrong with the arguments.
func (a *args) problems() error {
	for _, w := range a.words {
		a.fail("unknown argument %q", w)
	}
	for _, o := range a.options {
		if !o.used {
			a.fail("unknown option %q", o.name)
		}
	}
	return errors.Join(a.wrong...)
}

// one returns the single replica that the command is about.
func (a *args) one(c *Cluster) raft.ReplicaID {
	if len(a.replicas) != 1 || !a.known(c) {
		a.fail("name one replica, such as r1")
		return 1
	}
	return a.replicas[0]
}

// many returns the replicas that the command is about; none stands for all.
func (a *args) many(c *Cluster) []raft.ReplicaID {
	a.known(c)
	return a.replicas
}

func (a *args) known(c *Cluster) bool {
	for _, id := range a.replicas {
		if c.find(id) == nil {
			a.fail("there is no replica %v", name(id))
			return false
		}
	}
	return true
}

// rest takes all words.
func (a *args) rest() []string {
	words := a.words
	a.words = nil
	return words
}

// flag tells whether the word is there, and takes it.
func (a *args) flag(word string) bool {
	i := slices.Index(a.words, word)
	if i < 0 {
		return false
	}
	a.words = slices.Delete(a.words, i, i+1)
	return true
}

func (a *args) values(option string) ([]string, bool) {
	for i := range a.options {
		if o := &a.options[i]; o.name == option {
			o.used = true
			return o.values, true
		}
	}
	return nil, false
}

// text returns the option's value, fallback if it is not given.
func (a *args) text(option, fallback string) string {
	v, ok := a.values(option)
	if !ok {
		return fallback
	}
	if len(v) != 1 {
		a.fail("option %s wants one value", option)
	}
	return v[0]
}

func (a *args) number(option string, fallback uint64) uint64 {
	return a.uint(a.text(option, strconv.FormatUint(fallback, 10)))
}

func (a *args) uint(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		a.fail("%q is not a number", s)
	}
	return n
}

func (a *args) numbers(option string) []uint64 {
	v, _ := a.values(option)
	var out []uint64
	for _, s := range v {
		out = append(out, a.uint(s))
	}
	return out
}

func (a *args) duration(option string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(a.text(option, fallback.String()))
	if err != nil {
		a.fail("%w", err)
	}
	return d
}

func (a *args) bool(option string, fallback bool) bool {
	b, err := strconv.ParseBool(a.text(option, strconv.FormatBool(fallback)))
	if err != nil {
		a.fail("%w", err)
	}
	return b
}

// replica reads a replica as an option's value: from=2 or from=r2.
func (a *args) replica(option string) raft.ReplicaID {
	s := a.text(option, "0")
	if id, ok := replicaID(s); ok {
		return id
	}
	return raft.ReplicaID(a.uint(s))
}

// members reads the replicas of an option, which need not exist.
func (a *args) members(option string) []raft.ReplicaID {
	v, _ := a.values(option)
	var ids []raft.ReplicaID
	for _, s := range v {
		id, ok := replicaID(s)
		if !ok {
			a.fail("%q is no replica, such as r4.1", s)
		}
		ids = append(ids, id)
	}
	return ids
}

func (a *args) messageType() raft.MessageType {
	s := a.text("type", "")
	i := slices.Index(typeNames[1:], s)
	if s != "" && i < 0 {
		a.fail("there is no message type %q", s)
	}
	return raft.MessageType(i + 1)
}

func (a *args) selection() Selection {
	return Selection{
		From: a.replica("from"), To: a.replica("to"), Type: a.messageType(), Term: a.number("term", 0),
		Count: int(a.number("count", 0)), Skip: int(a.number("skip", 0)), Keep: a.flag("dup"),
	}
}
