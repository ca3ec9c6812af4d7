package target

import (
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/checker/events"
)

// Course gathers what a cluster goes through in a live run from all who know a part of it: who starts and ends the processes, who
// asks the nodes, who plays the faults. Its times are those of the wall clock, as those of a live history are, but never go
// back. It may be used by several goroutines; a nil Course takes nothing in.
type Course struct {
	mu   sync.Mutex
	log  *events.Log
	over bool
	last int64
	// lives are how often each node was started, negative while it is down.
	lives map[int]int
}

// NewCourse is a course that nothing has happened in.
func NewCourse() *Course {
	return &Course{log: events.NewLog(events.DefaultLimit), lives: map[int]int{}}
}

// Add notes an event, with the time of the call.
func (c *Course) Add(e events.Event) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case events.Up:
		c.lives[e.Node] = max(c.lives[e.Node], -c.lives[e.Node]) + 1
	case events.Down:
		if c.lives[e.Node] <= 0 {
			return
		}
		c.lives[e.Node] = -c.lives[e.Node]
	}
	c.add(e)
}

func (c *Course) add(e events.Event) {
	if !c.over {
		c.last = max(c.last, time.Now().UnixNano())
		e.At = c.last
		c.log.Add(e)
	}
}

// Told notes what a node said in its start number start. What it said before it ended, and is heard of after that, is of no use
// any more: it would seem to live on.
func (c *Course) Told(start int, e events.Event) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lives[e.Node] == start {
		c.add(e)
	}
}

// End closes the course and returns it. What comes later, such as the end of the processes, is no part of it.
func (c *Course) End() *events.Log {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.log
}
