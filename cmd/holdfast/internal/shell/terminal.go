package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

// interactive is the dialogue on a terminal, with editing, history and completion.
func (s *Session) interactive(ctx context.Context) error {
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetTabCompletionStyle(liner.TabPrints)
	line.SetCompleter(s.complete)
	history := s.historyFile()
	s.loadHistory(line, history)
	defer s.saveHistory(line, history)

	for !s.over && ctx.Err() == nil {
		text, err := line.Prompt("holdfast> ")
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case errors.Is(err, io.EOF):
			s.Streams.Talk("")
			return nil
		case err != nil:
			return exit.With(exit.Failure, err, "use a pipe if there is no proper terminal")
		}
		if strings.TrimSpace(text) != "" {
			line.AppendHistory(text)
		}
		s.Execute(ctx, text)
	}
	return nil
}

// complete completes commands and keys.
func (s *Session) complete(line string) []string {
	command, key, hasKey := strings.Cut(line, " ")
	var out []string
	if !hasKey {
		for _, c := range s.commands {
			if !c.Hidden && strings.HasPrefix(c.Name, strings.ToUpper(command)) {
				out = append(out, sameCase(command, c.Name)+" ")
			}
		}
		return out
	}
	if c := s.find(command); c == nil || !c.Keys {
		return nil
	}
	for _, k := range s.keys {
		if strings.HasPrefix(k, key) && !strings.ContainsAny(k, " \t'\"#") {
			out = append(out, command+" "+k+" ")
		}
	}
	return out
}

// sameCase writes a name in small letters if the user does.
func sameCase(typed, name string) string {
	if typed != "" && typed == strings.ToLower(typed) {
		return strings.ToLower(name)
	}
	return name
}

// historyFile is where the history is kept, "" if there is no place for it.
func (s *Session) historyFile() string {
	state := s.Streams.Env("XDG_STATE_HOME")
	if state == "" {
		home := s.Streams.Env("HOME")
		if home == "" {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "holdfast", "shell_history")
}

func (s *Session) loadHistory(line *liner.State, path string) {
	f, err := os.Open(path)
	if err != nil {
		return // there is none yet
	}
	defer f.Close()
	if _, err := line.ReadHistory(f); err != nil {
		s.Streams.Talk("cannot read the history of commands in %s: %v", path, err)
	}
}

func (s *Session) saveHistory(line *liner.State, path string) {
	if path == "" {
		return
	}
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = writeHistory(line, path)
	}
	if err != nil {
		s.Streams.Talk("cannot keep the history of commands: %v", err)
	}
}

// writeHistory replaces the file; commands hold values, so it is for the user only.
func writeHistory(line *liner.State, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = line.WriteHistory(f)
	return errors.Join(err, f.Close())
}
