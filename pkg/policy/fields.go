package policy

import (
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// level is how much of a request a policy records. Its values are in the order of what they record.
type level uint8

const (
	levelNone level = iota
	levelMetadata
	levelRequest
	levelResponse
)

var levelNames = [...]string{"None", "Metadata", "Request", "RequestResponse"}

func (l level) String() string { return levelNames[l] }

// parseLevel reads a level that the loader has checked.
func parseLevel(name string) level {
	for i, known := range levelNames {
		if name == known {
			return level(i)
		}
	}
	return levelNone
}

// aspect is something of a request that a sample decides.
type aspect uint16

const (
	ofStage aspect = 1 << iota
	ofVerb
	ofTarget
	ofNamespace
	ofName
	ofUser
	ofGroups
	ofURI
	// ofUnknown is what no sample decides, such as the user agent.
	ofUnknown
	// ofAnswer is what is not there yet in the stage RequestReceived and open in the others: the response's code, what
	// the authorizer decided, whom the caller impersonates.
	ofAnswer
	// ofWhole is the whole event as one text.
	ofWhole
)

// reads is what a field reads of an event.
type reads struct {
	aspects aspect
	// body is the level that it needs: levelMetadata, levelRequest or levelResponse.
	body level
}

func (r reads) with(o reads) reads { return reads{r.aspects | o.aspects, max(r.body, o.body)} }

// ofField are the fields that are not known by their beginning.
var ofField = map[string]reads{
	"ka.stage":                        {aspects: ofStage},
	"ka.verb":                         {aspects: ofVerb},
	"ka.uri":                          {aspects: ofURI},
	"ka.user.name":                    {aspects: ofUser},
	"ka.user.groups":                  {aspects: ofGroups},
	"ka.target.resource":              {aspects: ofTarget},
	"ka.target.subresource":           {aspects: ofTarget},
	"ka.target.namespace":             {aspects: ofNamespace},
	"ka.target.name":                  {aspects: ofName},
	"ka.req.configmap.name":           {aspects: ofName},
	"ka.req.binding.subject.has_name": {aspects: ofUnknown},
	"ka.response.code":                {aspects: ofAnswer},
	"ka.response.reason":              {aspects: ofAnswer},
	"ka.response.status":              {aspects: ofAnswer},
	"ka.response.message":             {aspects: ofAnswer},
	"ka.auth.decision":                {aspects: ofAnswer},
	"ka.auth.reason":                  {aspects: ofAnswer},
	"ka.impuser.name":                 {aspects: ofAnswer},
	"ka.impuser.groups":               {aspects: ofAnswer},
	"ka.impuser.uid":                  {aspects: ofAnswer},
	"ka.impuser.extra":                {aspects: ofAnswer},
	"ka.target.pod.name":              {aspects: ofUnknown, body: levelResponse},
	"jevt.obj":                        {aspects: ofUnknown | ofWhole},
	"json.obj":                        {aspects: ofUnknown | ofWhole},
	"ka.target.apigroup":              {aspects: ofTarget},
}

// ofMember are the members of an event that a sample decides, as JSON pointers.
var ofMember = map[string]aspect{
	"stage": ofStage, "verb": ofVerb, "requestURI": ofURI, "user/username": ofUser, "user/groups": ofGroups,
	"objectRef/resource": ofTarget, "objectRef/subresource": ofTarget, "objectRef/apiGroup": ofTarget,
	"objectRef/namespace": ofNamespace, "objectRef/name": ofName,
}

// readsOf tells what a field of an audit event reads.
func readsOf(name, arg string) reads {
	if known, ok := ofField[name]; ok {
		return known
	}
	switch {
	case name == "jevt.value" || name == "json.value":
		return readsOfPointer(arg)
	case strings.HasPrefix(name, "ka.req."):
		return reads{ofUnknown, levelRequest}
	case strings.HasPrefix(name, "ka.resp.") || strings.HasPrefix(name, "ka.response.") || strings.HasPrefix(name, "ka.target.pod."):
		return reads{ofUnknown, levelResponse}
	}
	return reads{aspects: ofUnknown}
}

func readsOfPointer(pointer string) reads {
	pointer = strings.TrimPrefix(pointer, "/")
	first, _, _ := strings.Cut(pointer, "/")
	switch first {
	case "requestObject":
		return reads{ofUnknown, levelRequest}
	case "responseObject":
		return reads{ofUnknown, levelResponse}
	case "responseStatus", "impersonatedUser":
		return reads{aspects: ofAnswer}
	}
	if strings.HasPrefix(pointer, "annotations/authorization.k8s.io~1") {
		return reads{aspects: ofAnswer}
	}
	if known, ok := ofMember[pointer]; ok {
		return reads{aspects: known}
	}
	return reads{aspects: ofUnknown}
}

// readsOfOperand is readsOf for all fields of an operand, nil included.
func readsOfOperand(o condition.Operand) reads {
	var all reads
	condition.WalkOperand(o, func(o condition.Operand) bool {
		if f, ok := o.(*condition.Field); ok {
			arg := ""
			if f.Arg != nil {
				arg = f.Arg.Text
			}
			all = all.with(readsOf(f.Name, arg))
		}
		return true
	})
	return all
}
