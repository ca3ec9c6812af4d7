package wal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

// Recovery is what Open found.
type Recovery struct {
	// Groups holds every group the log knows of, ascending.
	Groups []GroupState
	// Fresh says that there was no log, or one that never finished its creation.
	// A node that had a log before must take this for the loss of its disk.
	Fresh bool
	// Clean says that the log had been closed with Close.
	Clean bool
	// TornBytes is the length of an interrupted write that was cut off, in bytes.
	TornBytes int64
	// Segments, Frames and Bytes count what is in the log.
	Segments int
	Frames   int64
	Bytes    int64
	// Records counts the sections: one or more for each Batch.Add.
	Records int64
}

// GroupState is what a group's replica starts from.
type GroupState struct {
	Group raft.GroupID
	// Restored lacks Applied, which the storage engine knows.
	Restored raft.Restored
}

// Open opens the log in the directory, creating both where missing, and returns what it
// holds. An interrupted last write is cut off. Open fails with *CorruptError,
// *WrongOwnerError or *FormatError and then changes nothing; or with an input or
// output error. It panics on options out of bounds.
func Open(o Options) (*Log, *Recovery, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.SegmentBytes < minSegmentBytes || o.SegmentBytes > maxPayload {
		panic(fmt.Sprintf("wal: segments of %d bytes are not within %d and %d", o.SegmentBytes, minSegmentBytes, maxPayload))
	}
	if err := makeDir(&o); err != nil {
		return nil, nil, err
	}
	r := newReplay(&o)
	if err := r.run(); err != nil {
		return nil, nil, err
	}
	active, err := r.activate()
	if err != nil {
		return nil, nil, err
	}
	l := &Log{options: o, active: active, next: r.next, groups: r.groups}
	if err := r.finish(l); err != nil {
		return nil, nil, closing(active.file, err)
	}
	found := r.found // a copy, so that the segment read last is not kept alive
	return l, &found, nil
}

// makeDir creates the directory and makes its entry durable, and those of what it
// had to create above it.
func makeDir(o *Options) error {
	var parents []string
	for dir := o.Dir; ; {
		parent := o.FS.PathDir(dir)
		if parent == dir {
			break
		}
		parents = append(parents, parent)
		if _, err := o.FS.Stat(parent); err == nil {
			break
		}
		dir = parent
	}
	_, err := o.FS.Stat(o.Dir)
	if err == nil {
		if numbers, err := listSegments(o.FS, o.Dir); err != nil || len(numbers) > 0 {
			return err
		}
	}
	if err := o.FS.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("wal: create %s: %w", o.Dir, err)
	}
	for _, parent := range parents {
		if err := syncDir(o.FS, parent); err != nil {
			return err
		}
	}
	return nil
}

// replay reads a log from its start.
type replay struct {
	options *Options
	// anyOwner takes the owner from the first segment; for Dump.
	anyOwner bool
	// onSegment and onFrame, if set, are told of what is found intact; for Dump.
	onSegment func(path string, h *segmentHeader)
	onFrame   func(offset int64, h *frameHeader, sections []section)

	next   cursor
	groups map[raft.GroupID]*groupIndex
	past   map[raft.GroupID]*history
	found  Recovery

	// Of the segment read last:
	header segmentHeader
	path   string
	data   []byte
	scan   scanned
	// unborn is set if its creation did not finish.
	unborn bool
}

func newReplay(o *Options) *replay {
	return &replay{
		options: o,
		next:    cursor{number: 1},
		groups:  make(map[raft.GroupID]*groupIndex),
		past:    make(map[raft.GroupID]*history),
	}
}

// run reads all segments. It writes nothing.
func (r *replay) run() error {
	numbers, err := listSegments(r.options.FS, r.options.Dir)
	if err != nil {
		return err
	}
	for i, n := range numbers {
		if want := uint64(i) + 1; n != want {
			return &CorruptError{r.options.FS.PathJoin(r.options.Dir, segmentName(want)), 0, "the segment is missing"}
		}
		if err := r.segment(n, i == len(numbers)-1); err != nil {
			return err
		}
	}
	r.found.Segments = len(numbers)
	r.found.Fresh = len(numbers) == 0 || len(numbers) == 1 && r.unborn
	return nil
}

func (r *replay) segment(number uint64, last bool) error {
	r.path = r.options.FS.PathJoin(r.options.Dir, segmentName(number))
	data, err := readSegment(r.options.FS, r.path, r.data)
	if err != nil {
		return err
	}
	r.data = data
	if err := r.readHeader(number, last); err != nil || r.unborn {
		return err
	}
	if r.onSegment != nil {
		r.onSegment(r.path, &r.header)
	}
	r.scan = scanFrames(data, r.header.place(), &r.next, r.frame)
	r.found.Bytes += r.scan.end
	switch {
	case r.scan.damage != nil:
		return &CorruptError{r.path, r.scan.damage.offset, r.scan.damage.reason}
	case !last && r.scan.torn() > 0:
		return &CorruptError{r.path, r.scan.end, "a frame is damaged, since another segment follows"}
	}
	r.found.TornBytes = r.scan.torn()
	return nil
}

// readHeader checks the header of the segment in r.data.
func (r *replay) readHeader(number uint64, last bool) error {
	want := segmentHeader{
		version: formatVersion, chain: r.next.chain, cluster: r.options.Cluster, node: r.options.Node,
		number: number, frame: r.next.number,
	}
	h, ok := decodeSegmentHeader(r.data)
	if !ok {
		if last && r.partOf(want) {
			r.header, r.unborn = want, true
			return nil
		}
		return &CorruptError{r.path, 0, "the segment's header is damaged"}
	}
	if h.version != formatVersion {
		return &FormatError{r.path, h.version, formatVersion}
	}
	if r.anyOwner && number == 1 {
		r.options.Cluster, r.options.Node = h.cluster, h.node
		want.cluster, want.node = h.cluster, h.node
	}
	if h.cluster != want.cluster || h.node != want.node {
		return &WrongOwnerError{r.path, h.cluster, want.cluster, h.node, want.node}
	}
	switch {
	case h.number != number:
		return &CorruptError{r.path, 0, fmt.Sprintf("the file holds segment %d", h.number)}
	case h.frame != want.frame || h.chain != want.chain:
		return &CorruptError{r.path, 0, fmt.Sprintf("the segment starts with frame %d but the one before ends before frame %d: "+
			"frames between are missing or not the ones that were there", h.frame, want.frame)}
	}
	r.header = h
	return nil
}

// partOf reports whether r.data can be what an interrupted creation of a segment
// with this header left: since that is synced before the first frame is written,
// there is nothing but bytes of the header and zeros.
func (r *replay) partOf(h segmentHeader) bool {
	if lastNonZero(r.data) > segmentHdrSize {
		return false
	}
	want := h.encode()
	for i, b := range r.data[:min(len(r.data), segmentHdrSize)] {
		if b != 0 && b != want[i] && (!r.anyOwner || h.number > 1) {
			return false
		}
	}
	return true
}

// frame takes in one frame; it returns a reason if its content is impossible.
func (r *replay) frame(offset int64, h frameHeader, payload []byte) string {
	r.found.Frames++
	r.found.Clean = h.kind == frameClose
	if h.kind == frameClose && len(payload) > 0 {
		return "a closing frame has a payload"
	}
	var sections []section
	for at := uint32(frameHdrSize); len(payload) > 0; {
		s, reason := decodeSection(payload, at)
		if reason == "" {
			reason = r.section(&s, payload, offset)
		}
		if reason != "" {
			return fmt.Sprintf("frame %d is intact, but %s: a program error wrote it", h.number, reason)
		}
		sections = append(sections, s)
		payload = payload[s.length:]
		at += s.length
	}
	r.found.Records += int64(len(sections))
	if r.onFrame != nil {
		r.onFrame(offset, &h, sections)
	}
	return ""
}

func (r *replay) section(s *section, b []byte, frame int64) string {
	g, past := r.groups[s.group], r.past[s.group]
	if g == nil {
		g, past = &groupIndex{}, &history{}
		r.groups[s.group], r.past[s.group] = g, past
	}
	if s.state.Term < past.state.Term {
		return fmt.Sprintf("the term of group %d goes back from %d to %d", s.group, past.state.Term, s.state.Term)
	}
	past.state = s.state
	if s.count == 0 {
		return ""
	}
	if s.first > g.last()+1 {
		return fmt.Sprintf("group %d has no entries between %d and %d", s.group, g.last(), s.first)
	}
	reason := ""
	ok := s.eachEntry(b, func(e raft.Entry) bool {
		if e.Term > s.state.Term || !past.add(e.Index, e.Term) {
			reason = fmt.Sprintf("term %d of entry %d of group %d is out of order", e.Term, e.Index, s.group)
		}
		return reason == ""
	}, true)
	if !ok {
		return fmt.Sprintf("entries of group %d are malformed", s.group)
	}
	g.put(s, r.header.number, frame+int64(s.offset))
	return reason
}

// activate opens the last segment for writing, or creates the first.
func (r *replay) activate() (*segment, error) {
	o := r.options
	if r.found.Segments == 0 {
		r.found.Segments = 1
		r.header = segmentHeader{version: formatVersion, cluster: o.Cluster, node: o.Node, number: 1, frame: 1}
		return createSegment(o, &r.header)
	}
	if r.unborn {
		return createSegment(o, &r.header)
	}
	f, err := o.FS.OpenReadWrite(r.path, writeCategory)
	if err != nil {
		return nil, failed("open", r.path, 0, err)
	}
	s := &segment{
		file: f, path: r.path, number: r.header.number, at: r.header.place(),
		end: r.scan.end, zeroed: max(r.scan.end, int64(len(r.data))),
	}
	if err := r.settle(s); err != nil {
		return nil, closing(f, err)
	}
	return s, nil
}

// settle makes durable what was read, and cuts off an interrupted write. What was
// read may be in the page cache only, marked clean by a sync that failed under an
// earlier process, so syncing alone is not enough: the newest frame, the only one
// that can be in this state, and the zeros behind it are written again.
func (r *replay) settle(s *segment) error {
	if err := s.zero(s.end, s.zeroed); err != nil {
		return err
	}
	newest := r.data[:segmentHdrSize]
	if r.scan.last > 0 {
		newest = r.data[r.scan.last:r.scan.end]
	}
	if err := writeAt(s.file, newest, r.scan.last); err != nil {
		return failed("write", r.path, r.scan.last, err)
	}
	if err := s.file.Sync(); err != nil {
		return failed("sync", r.path, r.scan.last, err)
	}
	return syncDir(r.options.FS, r.options.Dir)
}

// summarize fills in the groups of what was found, without entries.
func (r *replay) summarize() {
	for _, id := range slices.Sorted(maps.Keys(r.groups)) {
		past := r.past[id]
		r.found.Groups = append(r.found.Groups, GroupState{id, raft.Restored{
			HardState: past.state, Runs: past.runs, LastIndex: r.groups[id].last(),
		}})
	}
}

// finish prepares the index for commits and adds the groups' newest entries to
// what Open returns.
func (r *replay) finish(l *Log) error {
	r.summarize()
	for i := range r.found.Groups {
		state := &r.found.Groups[i]
		g := r.groups[state.Group]
		g.checkedLast, g.checkedTerm = g.last(), state.Restored.HardState.Term
		tail, err := l.tail(state.Group, g)
		if err != nil {
			return err
		}
		state.Restored.Tail = tail
	}
	return nil
}

// tail returns the newest entries of a group that fit TailBytes.
func (l *Log) tail(id raft.GroupID, g *groupIndex) ([]raft.Entry, error) {
	r := reader{options: &l.options}
	defer r.close()
	var runs [][]raft.Entry // newest first
	size := 0
	for i := len(g.extents) - 1; i >= 0 && size < l.options.TailBytes; i-- {
		var run []raft.Entry
		err := r.read(id, &g.extents[i], func(e raft.Entry) bool {
			run = append(run, e)
			return true
		})
		if err != nil {
			return nil, err
		}
		from := len(run)
		for ; from > 0; from-- {
			if size += run[from-1].Size(); size > l.options.TailBytes {
				break
			}
		}
		runs = append(runs, run[from:])
	}
	slices.Reverse(runs)
	return slices.Concat(runs...), nil
}
