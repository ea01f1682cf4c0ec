package daemon

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// Version is set when the program is built.
var Version = "unknown"

// VersionInfo is what `saker version` and /versions say. The keys that Falco has keep their names and meaning.
type VersionInfo struct {
	Saker string `json:"saker_version"`
	// Engine is the version of Falco's rule engine whose rules files are understood.
	Engine string `json:"engine_version_semver"`
	// EngineMinor is the same as older tools ask for it: the middle number alone.
	EngineMinor string `json:"engine_version"`
	// Drivers are the system call drivers that are built in.
	Drivers string `json:"drivers"`
}

// Versions gives the versions of this program.
func Versions() VersionInfo {
	parts := strings.Split(rule.EngineVersion, ".")
	names := make([]string, 0, len(drivers))
	for name := range drivers {
		names = append(names, name)
	}
	slices.Sort(names)
	return VersionInfo{Saker: Version, Engine: rule.EngineVersion, EngineMinor: parts[1], Drivers: strings.Join(names, " ")}
}
