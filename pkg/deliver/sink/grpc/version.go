package grpc

import (
	"context"
	"regexp"
	"strconv"

	"github.com/saker-security/saker/pkg/deliver/sink/grpc/version"
)

// Version is what the version service answers.
type Version struct {
	// Version is that of the program, such as 1.2.3-rc1+build; its parts are told too. A v before it is left out.
	Version string
	// Engine is the version of the rule language, Checksum that of the list of fields, as Falco counts and computes
	// them.
	Engine   uint32
	Checksum string
}

// versionForm is https://semver.org in short.
var versionForm = regexp.MustCompile(`^v?((\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?)$`)

// response gives the answer. The parts of a version of another form are zero.
func (v Version) response() *version.Response {
	r := &version.Response{Version: text(v.Version), EngineVersion: v.Engine, EngineFieldsChecksum: text(v.Checksum)}
	m := versionForm.FindStringSubmatch(v.Version)
	if m == nil {
		return r
	}
	r.Version, r.Prerelease, r.Build = m[1], m[5], m[6]
	for i, part := range []*uint32{&r.Major, &r.Minor, &r.Patch} {
		n, _ := strconv.ParseUint(m[2+i], 10, 32) // nine digits always fit
		*part = uint32(n)
	}
	return r
}

type versionService struct {
	version.UnimplementedServiceServer
	response *version.Response
}

// Version is the call version.
func (s versionService) Version(context.Context, *version.Request) (*version.Response, error) {
	return s.response, nil
}
