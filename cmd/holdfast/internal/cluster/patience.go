package cluster

import (
	"fmt"
	"io"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// patience ends when nothing has changed for a while.
type patience struct {
	limit time.Duration
	since time.Time
	seen  string
}

func newPatience(limit time.Duration) *patience { return &patience{limit: limit, since: time.Now()} }

// note takes in how things are.
func (p *patience) note(state string) {
	if state != p.seen {
		p.seen, p.since = state, time.Now()
	}
}

func (p *patience) over() bool { return time.Since(p.since) >= p.limit }

// pace is how things are as far as getting on shows in it.
func (p *Placement) pace() string {
	text := ""
	for i := range p.Groups {
		g := &p.Groups[i]
		text += fmt.Sprintf("%d %d %v %v %s %d\n", g.Group, g.Epoch, g.Wanted, g.Holds, g.Phase, g.BytesDone)
	}
	return text
}

// live shows how something gets on: on a terminal in one line that changes, else with a line when there is news.
type live struct {
	w        io.Writer
	terminal bool
	news     string
	shown    string
	at       time.Time
}

// Follow returns what shows people how something gets on (Mover.Say), and what ends it.
func Follow(streams *style.Streams) (say func(news, text string), end func()) {
	l := &live{w: streams.Err, terminal: streams.ErrTerminal}
	return l.show, l.end
}

// lull is how often a line is printed where there is no terminal, while there is no news but more bytes.
const lull = 10 * time.Second

// show prints text. It is news if news is other than before.
func (l *live) show(news, text string) {
	switch {
	case text == l.shown:
		return
	case l.terminal:
		fmt.Fprintf(l.w, "\r\x1b[K%s", text)
	case news == l.news && time.Since(l.at) < lull:
		return
	default:
		fmt.Fprintln(l.w, text)
	}
	l.news, l.shown, l.at = news, text, time.Now()
}

// end ends the line.
func (l *live) end() {
	if l.terminal && l.shown != "" {
		fmt.Fprintln(l.w)
	}
	*l = live{w: l.w, terminal: l.terminal}
}
