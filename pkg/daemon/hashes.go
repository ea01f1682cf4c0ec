package daemon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"slices"

	"github.com/saker-security/saker/internal/regular"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/rules"
)

// fileSum is the base name of a file with the SHA-256 of what is in it.
type fileSum struct{ name, sum string }

// fileSums are those of the files that are in force, each name with each sum once, sorted.
type fileSums struct{ rules, config []fileSum }

const (
	// maxSummed bounds how many files are told, maxSummedBytes how much of a configuration file is read.
	maxSummed      = 1000
	maxSummedBytes = 64 << 20
)

// sumFiles reads the rules files, those built in when there are none, and the configuration files. What cannot be read is left out: who loaded them has told.
func sumFiles(rulesFiles, configFiles []string) *fileSums {
	s := &fileSums{}
	files := rules.Files()
	if len(rulesFiles) > 0 {
		files, _ = rule.ReadRegularFiles(rulesFiles)
	}
	for _, f := range files {
		sum := sha256.Sum256(f.Data)
		s.rules = append(s.rules, fileSum{filepath.Base(f.Name), hex.EncodeToString(sum[:])})
	}
	for _, name := range configFiles {
		if sum, err := sumFile(name); err == nil {
			s.config = append(s.config, fileSum{filepath.Base(name), sum})
		}
	}
	s.rules, s.config = tidy(s.rules), tidy(s.config)
	return s
}

func tidy(sums []fileSum) []fileSum {
	slices.SortFunc(sums, func(a, b fileSum) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.sum, b.sum)) })
	sums = slices.Compact(sums)
	return sums[:min(len(sums), maxSummed)]
}

func sumFile(name string) (string, error) {
	f, err := regular.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxSummedBytes)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
