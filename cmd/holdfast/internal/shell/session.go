package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// maxLine bounds a line: a key and a value of the largest size, with every byte
// escaped.
const maxLine = 8 << 20

// Session is one dialogue.
type Session struct {
	Streams *style.Streams
	Store   store.Store
	Format  style.Format
	// Timeout bounds each command; 0 is no bound.
	Timeout time.Duration
	// Timing shows how long each command took.
	Timing bool
	// Extra are commands beyond the usual ones.
	Extra []Command

	commands []Command
	keys     []string // seen lately, for completion
	over     bool
	first    error // the first failure
}

// Run reads and executes commands until the input ends or the user leaves.
func (s *Session) Run(ctx context.Context) error {
	s.commands = append(builtin(), s.Extra...)
	if s.Streams.Interactive {
		s.Timing = true
		return s.interactive(ctx)
	}
	return s.script(ctx)
}

// script takes commands from a pipe or a file.
func (s *Session) script(ctx context.Context) error {
	lines := make(chan string)
	failed := make(chan error, 1)
	go readLines(ctx, s.Streams.In, lines, failed)
	for !s.over {
		select {
		case <-ctx.Done():
			return s.end()
		case line, ok := <-lines:
			if !ok {
				if err := <-failed; err != nil {
					return fmt.Errorf("cannot read the commands: %w", err)
				}
				return s.end()
			}
			s.Execute(ctx, line)
		}
	}
	return s.end()
}

// readLines sends the lines of a stream; it ends with the stream or, at the next
// line, with ctx.
func readLines(ctx context.Context, in io.Reader, lines chan<- string, failed chan<- error) {
	defer close(lines)
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 0, 64<<10), maxLine)
	for scan.Scan() {
		select {
		case lines <- scan.Text():
		case <-ctx.Done():
			failed <- nil
			return
		}
	}
	failed <- scan.Err()
}

// end is how the dialogue ends (SHELL-2). The message has been printed already.
func (s *Session) end() error {
	if s.first == nil {
		return nil
	}
	return exit.Quietly(exit.Code(s.first))
}

// Execute runs one line and prints its answer or its error.
func (s *Session) Execute(ctx context.Context, line string) {
	begin := time.Now()
	ran, err := s.execute(ctx, line)
	if err != nil {
		if s.first == nil {
			s.first = err
		}
		s.complain(err)
	}
	if ran && s.Timing {
		s.Streams.Talk("%s", s.Streams.ErrPaint().Dim("("+style.Duration(time.Since(begin))+")"))
	}
}

// complain prints an error: to the error stream, or, where each command is answered
// with a line of JSON, in its place.
func (s *Session) complain(err error) {
	if s.Format != style.JSON {
		s.Streams.Talk("%s", s.Streams.ErrPaint().Bad(exit.Text(err)))
		return
	}
	// A string and a number can always be encoded.
	_ = s.Answer("", struct {
		Error string `json:"error"`
		Code  int    `json:"exit_code"`
	}{exit.Text(err), exit.Code(err)})
}

// execute reports whether a command was run.
func (s *Session) execute(ctx context.Context, line string) (bool, error) {
	words, err := Words(line)
	if err != nil {
		return false, exit.Usagef("put words with blanks between quotes", "cannot read this line: %w", err)
	}
	if len(words) == 0 {
		return false, nil
	}
	c, args := s.find(words[0]), words[1:]
	if c == nil {
		return false, s.unknown(words[0])
	}
	if len(args) < c.Min || c.Max >= 0 && len(args) > c.Max {
		next := "usage: " + c.signature()
		if len(args) > c.Max && c.Max > 1 {
			next += "; quote words with blanks, as in PUT greeting 'hello world'"
		}
		return false, exit.Usagef(next, "%s takes %s, not %d", c.Name, arguments(c), len(args))
	}
	if c.Keys && len(args) > 0 && c.Min > 0 {
		s.remember(args[0])
	}
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(s.Timeout, c.Least))
		defer cancel()
	}
	return true, c.Run(ctx, s, args)
}

func arguments(c *Command) string {
	plural := func(n int) string {
		if n == 1 {
			return "1 argument"
		}
		return fmt.Sprintf("%d arguments", n)
	}
	switch {
	case c.Max < 0:
		return "at least " + plural(c.Min)
	case c.Min == c.Max && c.Max == 0:
		return "no arguments"
	case c.Min == c.Max:
		return plural(c.Max)
	}
	return fmt.Sprintf("%d to %s", c.Min, plural(c.Max))
}

func (s *Session) find(name string) *Command {
	for i := range s.commands {
		if s.commands[i].named(name) {
			return &s.commands[i]
		}
	}
	return nil
}

func (s *Session) unknown(name string) error {
	var names []string
	for _, c := range s.commands {
		names = append(append(names, c.Name), c.Aliases...)
	}
	next := "HELP shows the commands"
	if near := config.Nearest(strings.ToUpper(name), names); near != "" {
		next = "did you mean " + near + "? " + next
	}
	return exit.With(exit.Usage, errors.New("unknown command "+style.Bytes([]byte(name))), next)
}

// remember keeps a key for completion.
func (s *Session) remember(key string) {
	const most = 1000
	for _, k := range s.keys {
		if k == key {
			return
		}
	}
	if len(s.keys) == most {
		s.keys = s.keys[1:]
	}
	s.keys = append(s.keys, key)
}
