package careless

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Word is the first argument of a program that is to be a node.
const Word = "careless-node"

const (
	// pingEvery is how often a node asks another one whether it is there, sendTime how long it tries to tell it a write.
	pingEvery = 50 * time.Millisecond
	sendTime  = 100 * time.Millisecond
	// queued bounds the writes that wait for a replica; what does not fit is forgotten.
	queued = 1024
)

// entry is what a node has under a key. Erased ones are kept, so that an old write does not bring them back.
type entry struct {
	Key, Value string
	Version    uint64
	Erased     bool
}

// request and answer are what goes between a client and a node.
type request struct {
	Kind                    history.Kind
	Key, Value, ExpectValue string
	ExpectVersion           uint64
	// Primary: also a read is for the primary alone.
	Primary bool
}

type answer struct {
	// Primary is set where the node is not the primary and so did nothing.
	Primary uint64
	Result  history.Result
}

type node struct {
	id    uint64
	peers map[uint64]string
	http  http.Client
	// patience is how long another node may be silent until this one goes on without it.
	patience time.Duration

	mu      sync.Mutex
	data    map[string]entry
	version uint64
	alive   map[uint64]bool
	queues  map[uint64]chan entry
}

// Serve is a node, until its process ends. The arguments are Word, its id, its patience with the others, where it listens,
// and the addresses of the nodes from 1 on.
func Serve(args []string) error {
	var id uint64
	if len(args) < 5 || args[0] != Word {
		return fmt.Errorf("careless: want %s ID PATIENCE LISTEN ADDRESS..., have %q", Word, args)
	}
	if _, err := fmt.Sscan(args[1], &id); err != nil {
		return fmt.Errorf("careless: the id %q: %w", args[1], err)
	}
	patience, err := time.ParseDuration(args[2])
	if err != nil {
		return fmt.Errorf("careless: the patience: %w", err)
	}
	n := &node{id: id, patience: patience, peers: map[uint64]string{}, data: map[string]entry{}, alive: map[uint64]bool{}, queues: map[uint64]chan entry{}}
	for i, address := range args[4:] {
		if peer := uint64(i + 1); peer != id {
			n.peers[peer] = address
			n.queues[peer] = make(chan entry, queued)
			go n.watch(peer)
			go n.replicate(peer)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/primary", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n.primary()) })
	mux.HandleFunc("/do", n.do)
	mux.HandleFunc("/take", n.take)
	fmt.Fprintf(os.Stderr, "careless node %d listens on %s\n", id, args[3])
	server := http.Server{Addr: args[3], Handler: mux, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

// watch asks a node again and again whether it is there.
func (n *node) watch(peer uint64) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), n.patience)
		err := post(ctx, &n.http, n.peers[peer], "/ping", nil, nil)
		cancel()
		n.mu.Lock()
		n.alive[peer] = err == nil
		n.mu.Unlock()
		time.Sleep(pingEvery)
	}
}

// primary is whom this node, all by itself, takes for the primary.
func (n *node) primary() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	first := n.id
	for peer, alive := range n.alive {
		if alive && peer < first {
			first = peer
		}
	}
	return first
}

// replicate sends what was written here to another node, some time.
func (n *node) replicate(peer uint64) {
	for e := range n.queues[peer] {
		ctx, cancel := context.WithTimeout(context.Background(), sendTime)
		_ = post(ctx, &n.http, n.peers[peer], "/take", e, nil) // who does not hear it, does not know it
		cancel()
	}
}

// take takes a write of another node, if it is newer.
func (n *node) take(w http.ResponseWriter, r *http.Request) {
	var e entry
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.version = max(n.version, e.Version); e.Version > n.data[e.Key].Version {
		n.data[e.Key] = e
	}
}

func (n *node) do(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	kind := req.Kind
	var a answer
	if primary := n.primary(); primary != n.id && (req.Primary || kind != history.Get) {
		a.Primary = primary
	} else {
		a.Result = n.perform(kind, &req)
	}
	_ = json.NewEncoder(w).Encode(a) // a client that is gone does not need it
}

// perform is atomic on this node, and on no other.
func (n *node) perform(kind history.Kind, req *request) history.Result {
	n.mu.Lock()
	defer n.mu.Unlock()
	have := n.data[req.Key]
	there := have.Version > 0 && !have.Erased
	now := history.Result{Node: n.id, Found: there}
	if there {
		now.Value, now.Version = have.Value, have.Version
	}
	fits := true
	switch kind {
	case history.Get:
		return now
	case history.CASVersion:
		fits = there && have.Version == req.ExpectVersion
	case history.CASValue:
		fits = there && have.Value == req.ExpectValue
	case history.PutIfAbsent:
		fits = !there
	}
	if !fits {
		return now
	}
	if kind == history.Erase && !there {
		return history.Result{Node: n.id}
	}
	n.version++
	e := entry{Key: req.Key, Value: req.Value, Version: n.version, Erased: kind == history.Erase}
	n.data[req.Key] = e
	for _, q := range n.queues {
		select {
		case q <- e:
		default:
		}
	}
	if kind == history.Erase {
		return history.Result{Node: n.id, Found: true}
	}
	return history.Result{Node: n.id, Swapped: kind.Conditional(), Version: e.Version}
}
