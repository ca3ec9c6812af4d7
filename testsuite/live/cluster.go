package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
)

// ClusterConfig says what cluster to run.
type ClusterConfig struct {
	// Binary is the holdfast program.
	Binary string
	// Dir holds data directories and logs; it exists.
	Dir string
	// Name is the cluster's name.
	Name string
	// Nodes is how many nodes there are, with the ids from 1 on. Founders is how many of them the
	// cluster begins with (0: all); the others can be added (Cluster.Grow).
	Nodes, Founders int
	// Partitions is the number of partitions; 0 is a cluster of one group, whose members are changed by hand.
	Partitions int
	// Flags are further flags of every `holdfast server`.
	Flags []string
	// Proxied puts a proxy in front of each node, at the address that clients and the other nodes know (Cluster.Net).
	Proxied bool
	// Command is the program of a node of another store, with its arguments; nil is `holdfast server`.
	Command func(c *Cluster, id uint64) (binary string, args []string)
}

// Cluster is a number of `holdfast server` processes on loopback ports. It is safe for
// concurrent use, but a node must not be started and ended at the same time.
type Cluster struct {
	cfg    ClusterConfig
	nodes  []*node
	net    *proxy.Net
	course *target.Course

	mu sync.Mutex
	// took counts what took effect, by the names of the counters (LIVE-2).
	took map[string]int64
}

// node is one member, running or not.
type node struct {
	id uint64
	// address is where it listens, public where the others look for it: at its proxy, if it has one.
	address string
	public  string
	data    string
	log     string

	// The rest is guarded by Cluster.mu. reserved holds the port until the first start.
	reserved net.Listener
	proc     *process
	conn     *grpc.ClientConn
	file     *os.File
	paused   bool
	starts   int
	// outside: it was not added yet, or it was removed. wiped: its disk was emptied, and it has no new
	// replica yet. replica is the newest id that its replica was seen with.
	outside, wiped bool
	replica        uint64
}

// NewCluster reserves the ports of a cluster and starts nothing.
func NewCluster(cfg ClusterConfig) (*Cluster, error) {
	if cfg.Founders == 0 {
		cfg.Founders = cfg.Nodes
	}
	c := &Cluster{cfg: cfg, took: make(map[string]int64), course: target.NewCourse()}
	c.net = proxy.New(proxy.Owners(c.pids))
	for id := range uint64(cfg.Nodes) {
		l, err := reservePort()
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.nodes = append(c.nodes, &node{
			id: id + 1, address: l.Addr().String(), reserved: l, outside: id >= uint64(cfg.Founders),
			data: filepath.Join(cfg.Dir, fmt.Sprintf("node%d", id+1)),
			log:  filepath.Join(cfg.Dir, fmt.Sprintf("node%d.log", id+1)),
		})
		if err := c.front(c.nodes[id]); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// front puts the proxy in front of a node.
func (c *Cluster) front(n *node) error {
	n.public = n.address
	if !c.cfg.Proxied {
		return nil
	}
	l, err := reservePort()
	if err != nil {
		return err
	}
	n.public = l.Addr().String()
	c.net.Front(n.id, l, n.address)
	return nil
}

// Net is the network between the nodes, if they are proxied.
func (c *Cluster) Net() *proxy.Net { return c.net }

// Course is what happens to the processes, and what their nodes say of themselves.
func (c *Cluster) Course() *target.Course { return c.course }

// pids are the nodes that run, by process id.
func (c *Cluster) pids() map[int]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[int]uint64)
	for _, n := range c.nodes {
		if n.proc != nil {
			out[n.proc.cmd.Process.Pid] = n.id
		}
	}
	return out
}

func (c *Cluster) node(id uint64) *node {
	if id < 1 || id > uint64(len(c.nodes)) {
		panic(fmt.Sprintf("live: there is no node %d", id))
	}
	return c.nodes[id-1]
}

// Addresses are those of all nodes, also of those that are to be added, in the order of their ids; of their proxies, if they
// have some.
func (c *Cluster) Addresses() []string {
	var out []string
	for _, n := range c.nodes {
		out = append(out, n.public)
	}
	return out
}

// Listen is where a node listens, behind its proxy.
func (c *Cluster) Listen(id uint64) string { return c.node(id).address }

// Data is a node's data directory.
func (c *Cluster) Data(id uint64) string { return c.node(id).data }

// Args are the arguments that a node is started with.
func (c *Cluster) Args(id uint64, flags ...string) []string {
	n := c.node(id)
	var peers []string
	for _, m := range c.nodes[:c.cfg.Founders] {
		peers = append(peers, fmt.Sprintf("%d=%s", m.id, m.public))
	}
	args := []string{
		"server", "--id", fmt.Sprint(id), "--cluster", c.cfg.Name, "--data", n.data, "--partitions", fmt.Sprint(c.cfg.Partitions),
	}
	switch {
	case id <= uint64(c.cfg.Founders):
		args = append(args, "--peers", strings.Join(peers, ","))
	case c.cfg.Proxied:
		args = append(args, "--peers", fmt.Sprintf("%d=%s", id, n.public))
	}
	if id > uint64(c.cfg.Founders) || c.cfg.Proxied {
		args = append(args, "--listen", n.address)
	}
	if n.wiped {
		args = append(args, "--rejoin")
		if id > uint64(c.cfg.Founders) {
			args = append(args, "--join", strings.Join(c.Endpoints(), ","))
		}
	}
	return append(append(args, c.cfg.Flags...), flags...)
}

// Start starts a node, with further flags, and waits until it answers. That it ends
// instead is an error with the end of its log.
func (c *Cluster) Start(ctx context.Context, id uint64, flags ...string) error {
	if err := c.launch(id, flags); err != nil {
		return err
	}
	return c.answers(ctx, id)
}

// StartAll starts the nodes together and waits until all answer.
func (c *Cluster) StartAll(ctx context.Context, ids ...uint64) error {
	for _, id := range ids {
		if err := c.launch(id, nil); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := c.answers(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) launch(id uint64, flags []string) error {
	n := c.node(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.proc != nil {
		return fmt.Errorf("live: node %d runs already", id)
	}
	file, err := os.OpenFile(n.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("live: the log of node %d: %w", id, err)
	}
	conn, err := grpc.NewClient(grpcio.Target(n.address), grpcio.DialOptions(nil)...)
	if err != nil {
		return errors.Join(fmt.Errorf("live: node %d: %w", id, err), file.Close())
	}
	c.free(n)
	binary, args := c.cfg.Binary, c.Args(id, flags...)
	if c.cfg.Command != nil {
		binary, args = c.cfg.Command(c, id)
	}
	c.course.Add(events.Event{Kind: events.Up, Node: int(id)})
	proc, err := startProcess(binary, args, nil, file, file, func(state *os.ProcessState) { c.ended(id, state) })
	if err != nil {
		c.course.Add(events.Event{Kind: events.Down, Node: int(id), Name: err.Error()})
		return errors.Join(err, conn.Close(), file.Close())
	}
	n.proc, n.conn, n.file, n.paused = proc, conn, file, false
	n.starts++
	return nil
}

// ended notes the end of a node's process.
func (c *Cluster) ended(id uint64, state *os.ProcessState) {
	how := "SIGKILL"
	if !killed(state) {
		how = "it ended: " + state.String()
	}
	c.course.Add(events.Event{Kind: events.Down, Node: int(id), Name: how})
}

// free gives the port to the node that is about to start.
func (c *Cluster) free(n *node) {
	if n.reserved != nil {
		_ = n.reserved.Close() // nobody ever connected
		n.reserved = nil
	}
}

// answers waits until a node answers for its status.
func (c *Cluster) answers(ctx context.Context, id uint64) error {
	err := await(ctx, fmt.Sprintf("node %d to answer", id), func() (bool, error) {
		if proc := c.process(id); proc == nil || proc.ended() {
			return false, &fatalError{fmt.Errorf("it has ended instead")}
		}
		_, err := c.Status(ctx, id)
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("%w\nthe end of its log:\n%s", err, c.Tail(id))
	}
	return nil
}

func (c *Cluster) process(id uint64) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.node(id).proc
}

// Kill9 ends nodes with SIGKILL, all at once, and waits until they are gone.
func (c *Cluster) Kill9(ctx context.Context, ids ...uint64) error {
	return c.end(ctx, os.Kill, ids, func(id uint64, p *process) error {
		if !p.wasKilled() {
			return fmt.Errorf("live: node %d was to be killed, but ended by itself: %v", id, p.state)
		}
		c.took[counterKilled]++
		return nil
	})
}

// Stop ends a node with SIGTERM and waits until it has ended in order: any exit code
// but 0 is an error.
func (c *Cluster) Stop(ctx context.Context, ids ...uint64) error {
	return c.end(ctx, syscall.SIGTERM, ids, func(id uint64, p *process) error {
		if !p.state.Success() {
			return fmt.Errorf("live: node %d did not stop in order: %v\n%s", id, p.state, c.Tail(id))
		}
		c.took[counterStopped]++
		return nil
	})
}

func (c *Cluster) end(ctx context.Context, signal os.Signal, ids []uint64, judge func(uint64, *process) error) error {
	var procs []*process
	for _, id := range ids {
		p := c.process(id)
		if p == nil {
			return fmt.Errorf("live: node %d does not run", id)
		}
		procs = append(procs, p)
	}
	for i, p := range procs {
		if err := p.signal(signal); err != nil {
			return fmt.Errorf("%w\n%s", err, c.Tail(ids[i]))
		}
	}
	var errs []error
	for i, p := range procs {
		if err := p.wait(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, c.reap(ids[i], judge))
	}
	return errors.Join(errs...)
}

// reap takes a node that has ended out of the running ones.
func (c *Cluster) reap(id uint64, judge func(uint64, *process) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.node(id)
	p := n.proc
	err := errors.Join(n.conn.Close(), n.file.Close())
	n.proc, n.conn, n.file, n.paused = nil, nil, nil, false
	return errors.Join(err, judge(id, p))
}

// Pause stops a node with SIGSTOP, until Resume or Kill9. It returns when the node is
// stopped.
func (c *Cluster) Pause(ctx context.Context, id uint64) error {
	return c.freeze(ctx, id, pause, true)
}

// Resume lets a paused node go on.
func (c *Cluster) Resume(ctx context.Context, id uint64) error {
	return c.freeze(ctx, id, resume, false)
}

func (c *Cluster) freeze(ctx context.Context, id uint64, signal func(*os.Process) error, want bool) error {
	p := c.process(id)
	if p == nil {
		return fmt.Errorf("live: node %d does not run", id)
	}
	if err := signal(p.cmd.Process); err != nil {
		return fmt.Errorf("live: pausing or resuming node %d: %w", id, err)
	}
	err := await(ctx, fmt.Sprintf("node %d to be paused: %v", id, want), func() (bool, error) {
		stopped, err := isStopped(p.cmd.Process.Pid)
		return err == nil && (stopped == want || !want), err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node(id).paused = want
	kind := events.Resume
	if want {
		kind = events.Pause
		c.took[counterPaused]++
	}
	c.course.Add(events.Event{Kind: kind, Node: int(id)})
	return nil
}

// Close kills what still runs and frees the ports.
func (c *Cluster) Close() error {
	var errs []error
	c.net.Close()
	for _, n := range c.nodes {
		if p := c.process(n.id); p != nil {
			if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				errs = append(errs, err)
			}
			<-p.done
			errs = append(errs, c.reap(n.id, func(uint64, *process) error { return nil }))
		}
		c.mu.Lock()
		c.free(n)
		c.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Status asks a node for its status; a node that does not run is an error.
func (c *Cluster) Status(ctx context.Context, id uint64) (*kvpb.NodeStatus, error) {
	s, _, err := c.ask(ctx, id)
	return s, err
}

// reach is the connection to a node that runs, and the number of its start.
func (c *Cluster) reach(id uint64) (*grpc.ClientConn, int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.node(id)
	if n.conn == nil || n.paused {
		return nil, n.starts, fmt.Errorf("live: node %d does not run", id)
	}
	return n.conn, n.starts, nil
}

// ask also tells by its number which start of the node answered.
func (c *Cluster) ask(ctx context.Context, id uint64) (*kvpb.NodeStatus, int, error) {
	conn, start, err := c.reach(id)
	if err != nil {
		return nil, start, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s, err := kvpb.NewClusterClient(conn).Status(ctx, &kvpb.StatusRequest{})
	if err != nil {
		return nil, start, fmt.Errorf("live: status of node %d: %w", id, err)
	}
	return s, start, nil
}
