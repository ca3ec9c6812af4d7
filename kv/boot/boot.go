package boot

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
)

// Options say what to open, and for whom.
type Options struct {
	FS  env.FS
	Dir string
	// WAL is completed with FS and Dir. WAL.Store is the number for a log that is created.
	WAL wal.Options
	// OpenEngine opens the engine in a directory.
	OpenEngine func(dir string) (env.Engine, error)
	// Start is what the node is if it has no log yet.
	Start node.Start
	// CheckLog, if set, may refuse the log that was opened; rejoining tells that the
	// directory is empty on purpose.
	CheckLog func(recovery *wal.Recovery, rejoining bool) error
	// NewNode starts the node.
	NewNode func(d *Data) (*node.Node, error)
	// SetAside and Rejoined are those of package datadir, or of a directory that keeps notes of its
	// own about the data; nil stands for the former.
	SetAside func(reason string) error
	Rejoined func() error
}

func (o *Options) setDefaults() {
	if o.SetAside == nil {
		o.SetAside = func(reason string) error { return datadir.SetAside(o.FS, o.Dir, reason) }
	}
	if o.Rejoined == nil {
		o.Rejoined = func() error { return datadir.Rejoined(o.FS, o.Dir) }
	}
}

// Data is an open data directory with its node.
type Data struct {
	Log      *wal.Log
	Recovery *wal.Recovery
	Engine   env.Engine
	Node     *node.Node
	// Start is what the node is without a log: StartRejoin where data was set aside.
	Start node.Start
	// SetAside says why data was set aside, now or earlier, if the node has not rejoined since.
	SetAside string
}

// attempts bounds how often damage is set aside in one start: fresh files that are damaged again
// are a disk that cannot be used.
const attempts = 2

// Open opens the data and starts the node. The caller closes Engine and Log when the node is stopped.
func Open(o Options) (*Data, error) {
	o.setDefaults()
	if _, err := datadir.Resume(o.FS, o.Dir); err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		d, err := open(&o)
		if err == nil || !isDamage(err) || attempt == attempts {
			return d, err
		}
		if err := o.SetAside(err.Error()); err != nil {
			return nil, err
		}
	}
}

// errPutBack: an old log may have forgotten what the node promised since.
var errPutBack = errors.New("this is not the log that was begun when the data was set aside: somebody put another one, perhaps " +
	"an old copy, in its place")

// begin returns the number of the only log that may be opened where data was set aside. It is noted
// before the log is created.
func (o *Options) begin(mark datadir.Mark) (store uint64, err error) {
	if mark.Store != 0 {
		return mark.Store, nil
	}
	return o.WAL.Store, datadir.Begun(o.FS, o.Dir, mark, o.WAL.Store)
}

// isDamage tells whether what is on the disk lost something that had been durable.
func isDamage(err error) bool {
	return node.IsDamage(err) || storage.IsCorrupt(err) || errors.Is(err, errPutBack)
}

func open(o *Options) (*Data, error) {
	mark, marked, err := datadir.ReadMark(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	d := &Data{Start: o.Start}
	if marked {
		d.Start, d.SetAside = node.StartRejoin, mark.Reason
	}
	w := o.WAL
	w.FS, w.Dir = o.FS, o.FS.PathJoin(o.Dir, datadir.WALDir)
	if marked {
		w.MustExist = false // it was lost, or is set aside
		if w.Store, err = o.begin(mark); err != nil {
			return nil, err
		}
	}
	if d.Log, d.Recovery, err = wal.Open(w); err != nil {
		return nil, err
	}
	if marked && d.Recovery.Store != w.Store {
		return nil, errors.Join(fmt.Errorf("%w in %s", errPutBack, w.Dir), d.Close())
	}
	if err := d.start(o, marked); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Data) start(o *Options, marked bool) (err error) {
	if o.CheckLog != nil {
		if err := o.CheckLog(d.Recovery, marked); err != nil {
			return err
		}
	}
	engine, err := o.OpenEngine(o.FS.PathJoin(o.Dir, datadir.EngineDir))
	if err != nil {
		return err // what was returned beside it is not an engine
	}
	d.Engine = engine
	if d.Node, err = o.NewNode(d); err != nil {
		return err
	}
	if marked && !d.Node.Rejoining() && d.Node.Remembers() {
		// It is taken back, and its log knows of a replica: it is an ordinary node again. One whose log is empty might take itself
		// for a founder whose cluster is still to begin.
		d.SetAside = ""
		return o.Rejoined()
	}
	return nil
}

// Close closes the engine and the log.
func (d *Data) Close() error {
	var errs []error
	if d.Engine != nil {
		if err := d.Engine.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing the storage engine: %w", err))
		}
	}
	if d.Log != nil {
		if err := d.Log.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing the log: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Failed is to be called with the reason for which a node stopped serving by itself, before it
// is closed: damage that was found while it ran is remembered for the next start.
func Failed(fs env.FS, dir string, reason error) error {
	if reason == nil || !isDamage(reason) {
		return nil
	}
	return datadir.Begin(fs, dir, reason.Error())
}
