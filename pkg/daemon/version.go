package daemon

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// Version is set when the program is built.
var Version = "unknown"

// falcoVersion is the release of Falco whose configuration, rules and outputs were compared with Saker's.
const falcoVersion = "0.44.1"

// VersionInfo is what `saker version` and /versions say. The keys that Falco has keep their names and meaning.
type VersionInfo struct {
	Saker string `json:"saker_version"`
	// Engine is the version of Falco's rule engine whose rules files are understood.
	Engine string `json:"engine_version_semver"`
	// EngineMinor is the same as older tools ask for it: the middle number alone.
	EngineMinor string `json:"engine_version"`
	// Falco is the release of Falco in whose place Saker can stand, and Plugins are the versions of the plugins whose
	// work it does itself.
	Falco   string            `json:"falco_version"`
	Plugins map[string]string `json:"plugin_versions"`
	// Drivers are the system call drivers that are built in.
	Drivers string `json:"drivers"`
	// None of Falco's libraries, drivers and interfaces for plugins is in Saker: their versions are empty.
	Libs          string `json:"libs_version"`
	PluginAPI     string `json:"plugin_api_version"`
	DriverAPI     string `json:"driver_api_version"`
	DriverSchema  string `json:"driver_schema_version"`
	DefaultDriver string `json:"default_driver_version"`
}

// Versions gives the versions of this program.
func Versions() VersionInfo {
	parts := strings.Split(rule.EngineVersion, ".")
	names := make([]string, 0, len(drivers))
	for name := range drivers {
		names = append(names, name)
	}
	slices.Sort(names)
	return VersionInfo{
		Saker: Version, Engine: rule.EngineVersion, EngineMinor: parts[1], Falco: falcoVersion, Plugins: rule.Plugins(),
		Drivers: strings.Join(names, " "),
	}
}
