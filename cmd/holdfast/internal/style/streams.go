package style

import (
	"fmt"
	"io"
	"os"
)

// Streams are the standard streams and the environment of the program.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// LookupEnv is os.LookupEnv; Environ is os.Environ.
	LookupEnv func(string) (string, bool)
	Environ   func() []string
	// Interactive: In and Out are a terminal.
	Interactive bool
	// OutTerminal and ErrTerminal: the stream is a terminal.
	OutTerminal bool
	ErrTerminal bool
}

// System returns the streams of this process.
func System() *Streams {
	return &Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		LookupEnv: os.LookupEnv, Environ: os.Environ,
		Interactive: isTerminal(os.Stdin) && isTerminal(os.Stdout),
		OutTerminal: isTerminal(os.Stdout),
		ErrTerminal: isTerminal(os.Stderr),
	}
}

// isTerminal: a character device other than the null device.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// Env returns an environment variable, "" if it is not set.
func (s *Streams) Env(name string) string {
	if s.LookupEnv == nil {
		return ""
	}
	value, _ := s.LookupEnv(name)
	return value
}

// Talk prints a line to the error stream (STYLE-1).
func (s *Streams) Talk(format string, args ...any) {
	fmt.Fprintf(s.Err, format+"\n", args...)
}

// Data prints a line to the output stream (STYLE-1).
func (s *Streams) Data(format string, args ...any) {
	fmt.Fprintf(s.Out, format+"\n", args...)
}

// colours reports whether a stream takes colours (STYLE-2).
func (s *Streams) colours(terminal bool) bool {
	return terminal && s.Env("NO_COLOR") == "" && s.Env("TERM") != "dumb"
}

// OutPaint paints for the output stream.
func (s *Streams) OutPaint() Paint { return Paint{on: s.colours(s.OutTerminal)} }

// ErrPaint paints for the error stream.
func (s *Streams) ErrPaint() Paint { return Paint{on: s.colours(s.ErrTerminal)} }

// Paint colours text, or leaves it alone.
type Paint struct{ on bool }

// Good is for what went well.
func (p Paint) Good(text string) string { return p.wrap("32", text) }

// Bad is for errors.
func (p Paint) Bad(text string) string { return p.wrap("31", text) }

// Dim is for what matters less.
func (p Paint) Dim(text string) string { return p.wrap("2", text) }

// Bold is for headings.
func (p Paint) Bold(text string) string { return p.wrap("1", text) }

func (p Paint) wrap(code, text string) string {
	if !p.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
