package workload

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/client/core"
	"github.com/holdfastdb/holdfast/netsim"
)

// errClientCrashed ends the operations of a client that crashed.
var errClientCrashed = errors.New("the client crashed")

// Process is a client's process.
func (c *Clients) Process(number int) *netsim.Process { return c.procs[number-1] }

// Crash ends a client and starts it anew, with nothing of what it knew: what it had under way may still take effect, and
// nobody closes its sessions.
func (c *Clients) Crash(number int) {
	p := c.procs[number-1]
	client := p.Program().(*Client)
	p.Crash(netsim.ProcessKill)
	c.open -= c.injected[number-1]
	c.injected[number-1] = 0
	for _, tag := range slices.Clone(client.underWay) {
		client.abandon(tag)
	}
	if err := p.Start(); err != nil {
		panic(fmt.Sprintf("workload: client process %d: %v", p.ID(), err))
	}
}

// abandon records that nobody will learn how an operation ended. Of a read there is nothing to learn.
func (c *Client) abandon(tag any) {
	end := func(p *pending) {
		outcome := core.Unknown
		if p.input.Kind == history.Get {
			outcome = core.Failed
		}
		c.complete(p, outcome, errClientCrashed, nil)
	}
	switch tag := tag.(type) {
	case *several:
		for i := range tag.items {
			end(&tag.items[i])
		}
	case *scan:
		for i := range tag.reads {
			end(&tag.reads[i])
		}
	case *pending:
		end(tag)
	}
	c.ends(tag)
}

// begins and ends keep what is under way, in order.
func (c *Client) begins(tag any) any {
	c.underWay = append(c.underWay, tag)
	return tag
}

func (c *Client) ends(tag any) {
	c.all.open--
	c.underWay = slices.DeleteFunc(c.underWay, func(x any) bool { return x == tag })
}
