package shell

import (
	"context"
	"strings"
	"time"
)

// Command is one word of the dialogue.
type Command struct {
	// Name in capitals; it is matched without regard to case.
	Name string
	// Aliases are other names.
	Aliases []string
	// Usage shows the arguments, such as "KEY VALUE".
	Usage string
	// Help is one line.
	Help string
	// Hidden: it is only there to say why it cannot be used here; HELP does not list it.
	Hidden bool
	// Min and Max bound the number of arguments; Max -1 is no bound.
	Min, Max int
	// Least, if it is more than Session.Timeout, bounds the command in its place: it takes a while.
	Least time.Duration
	// Keys: the first argument is a key, for completion.
	Keys bool
	// Run executes it.
	Run func(ctx context.Context, s *Session, args []string) error
}

func (c *Command) named(name string) bool {
	if strings.EqualFold(c.Name, name) {
		return true
	}
	for _, alias := range c.Aliases {
		if strings.EqualFold(alias, name) {
			return true
		}
	}
	return false
}

func (c *Command) signature() string { return strings.TrimSpace(c.Name + " " + c.Usage) }

// builtin are the commands of every session.
func builtin() []Command {
	return []Command{
		{Name: "PUT", Aliases: []string{"SET"}, Usage: "KEY VALUE", Help: "store a value", Min: 2, Max: 2, Keys: true, Run: put},
		{Name: "GET", Usage: "KEY", Help: "read a value", Min: 1, Max: 1, Keys: true, Run: get},
		{Name: "ERASE", Aliases: []string{"DELETE", "DEL"}, Usage: "KEY", Help: "remove a value", Min: 1, Max: 1, Keys: true, Run: erase},
		{
			Name: "CAS", Usage: "KEY NEW VERSION n | VALUE old | ABSENT", Min: 3, Max: 4, Keys: true, Run: compareAndSet,
			Help: "store NEW if the key has version n, has value old, or has no value",
		},
		{Name: "SCAN", Usage: "[PREFIX]", Help: "list keys that begin with PREFIX, with their values", Max: 1, Keys: true, Run: scan},
		{Name: "STATUS", Help: "show the nodes: what each leads, or terms and positions in the log", Run: status},
		{Name: "TIMING", Usage: "ON | OFF", Help: "show how long each command took", Min: 1, Max: 1, Run: timing},
		{Name: "HELP", Aliases: []string{"?"}, Usage: "[COMMAND]", Help: "show the commands", Max: 1, Run: help},
		{Name: "EXIT", Aliases: []string{"QUIT"}, Help: "leave (also Ctrl-D)", Run: leave},
	}
}
