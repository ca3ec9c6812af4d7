package build

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// release is the version of builds that carry none.
const release = "0.1.0-dev"

// Info describes the program.
type Info struct {
	Version  string  `json:"version"`
	Commit   string  `json:"commit,omitempty"`
	Modified bool    `json:"modified,omitempty"`
	Go       string  `json:"go"`
	Platform string  `json:"platform"`
	Formats  Formats `json:"formats"`
}

// Formats are the versions of what is written to disks and networks.
type Formats struct {
	DataDirectory int `json:"data_directory"`
	PeerProtocol  int `json:"peer_protocol"`
	History       int `json:"history"`
}

// Read returns the description of the running program.
func Read() Info {
	i := Info{
		Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Formats: Formats{DataDirectory: osio.IdentityFormat, PeerProtocol: grpcio.Protocol, History: history.Version},
	}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return i
	}
	if v := b.Main.Version; v != "" && v != "(devel)" {
		i.Version = v
	}
	for _, s := range b.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
	return i
}

// Version is the program's version.
func Version() string { return Read().Version }

// String is the description in two lines.
func (i Info) String() string {
	commit := ""
	if i.Commit != "" {
		commit = "commit " + i.Commit
		if i.Modified {
			commit += " with changes"
		}
		commit += ", "
	}
	return fmt.Sprintf("holdfast %s (%s%s, %s)\nformats: data directory %d, peer protocol %d, history %d",
		i.Version, commit, i.Go, i.Platform, i.Formats.DataDirectory, i.Formats.PeerProtocol, i.Formats.History)
}
