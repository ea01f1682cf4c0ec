package audit

// member is a place in an audit event that the index of a Record holds. The members below one object stand together
// right after it, since all of them are forgotten when the object comes a second time.
type member uint8

// The members. Going two or three levels down into the request and response object costs nothing that can be measured,
// since they have to be passed anyway; what is deeper is looked up when a field asks for it.
const (
	auditID member = iota
	stage
	verb
	requestURI
	userAgent
	sourceIPs
	stageTimestamp
	level
	requestReceived
	requestObject
	responseObject
	kind
	items
	user
	userName
	userGroups
	impersonatedUser
	impersonatedName
	objectRef
	refResource
	refNamespace
	refName
	refSubresource
	refAPIGroup
	responseStatus
	statusCode
	statusReason
	annotations
	authDecision
	authReason
	openshiftDecision
	openshiftUsername
	validationFailure
	podViolations
	clusterName
	truncated

	// Of the request and the response object.
	requestData
	requestRules
	requestSubjects
	requestRoleRef
	roleRefName
	requestSpec
	hostIPC
	hostNetwork
	hostPID
	serviceType
	servicePorts
	volumes
	containers
	initContainers
	ephemeralContainers
	podSecurity
	podRunAsUser
	podRunAsGroup
	podFSGroup
	podGroups
	responseMetadata
	responseName

	numMembers
	noMember = numMembers
)

// group is an object whose members the index holds.
type group uint8

const (
	noGroup group = iota
	eventGroup
	userGroup
	impersonatedGroup
	refGroup
	statusGroup
	annotationGroup
	requestGroup
	roleRefGroup
	specGroup
	securityGroup
	responseGroup
	metadataGroup
)

// below gives the members below the object of a group: the first and the one after the last.
var below = [...][2]member{
	userGroup:         {userName, impersonatedUser},
	requestGroup:      {requestData, responseMetadata},
	responseGroup:     {responseMetadata, numMembers},
	impersonatedGroup: {impersonatedName, objectRef},
	refGroup:          {refResource, responseStatus},
	statusGroup:       {statusCode, annotations},
	annotationGroup:   {authDecision, requestData},
	roleRefGroup:      {roleRefName, requestSpec},
	specGroup:         {hostIPC, responseMetadata},
	securityGroup:     {podRunAsUser, responseMetadata},
	metadataGroup:     {responseName, numMembers},
}

// find tells which member the key of an object of group g is, and which group its value is if that is an object.
func (g group) find(key string) (member, group) {
	switch g {
	case eventGroup:
		return findEvent(key)
	case userGroup:
		switch key {
		case "username":
			return userName, noGroup
		case "groups":
			return userGroups, noGroup
		}
	case impersonatedGroup:
		if key == "username" {
			return impersonatedName, noGroup
		}
	case refGroup:
		switch key {
		case "resource":
			return refResource, noGroup
		case "namespace":
			return refNamespace, noGroup
		case "name":
			return refName, noGroup
		case "subresource":
			return refSubresource, noGroup
		case "apiGroup":
			return refAPIGroup, noGroup
		}
	case statusGroup:
		switch key {
		case "code":
			return statusCode, noGroup
		case "reason":
			return statusReason, noGroup
		}
	case annotationGroup:
		return findAnnotation(key), noGroup
	default:
		return g.findBody(key)
	}
	return noMember, noGroup
}

func findEvent(key string) (member, group) {
	switch key {
	case "auditID":
		return auditID, noGroup
	case "stage":
		return stage, noGroup
	case "verb":
		return verb, noGroup
	case "requestURI":
		return requestURI, noGroup
	case "userAgent":
		return userAgent, noGroup
	case "sourceIPs":
		return sourceIPs, noGroup
	case "stageTimestamp":
		return stageTimestamp, noGroup
	case "level":
		return level, noGroup
	case "requestReceivedTimestamp":
		return requestReceived, noGroup
	case "requestObject":
		return requestObject, requestGroup
	case "responseObject":
		return responseObject, responseGroup
	case "kind":
		return kind, noGroup
	case "items":
		return items, noGroup
	case "user":
		return user, userGroup
	case "impersonatedUser":
		return impersonatedUser, impersonatedGroup
	case "objectRef":
		return objectRef, refGroup
	case "responseStatus":
		return responseStatus, statusGroup
	case "annotations":
		return annotations, annotationGroup
	}
	return noMember, noGroup
}

func findAnnotation(key string) member {
	switch key {
	case "authorization.k8s.io/decision":
		return authDecision
	case "authorization.k8s.io/reason":
		return authReason
	case "authentication.openshift.io/decision":
		return openshiftDecision
	case "authentication.openshift.io/username":
		return openshiftUsername
	case "validation.policy.admission.k8s.io/validation_failure":
		return validationFailure
	case "pod-security.kubernetes.io/audit-violations":
		return podViolations
	case "cluster_name":
		return clusterName
	case "audit.k8s.io/truncated":
		return truncated
	}
	return noMember
}

// findBody is find for the groups of the request and response object.
func (g group) findBody(key string) (member, group) {
	switch g {
	case requestGroup:
		switch key {
		case "data":
			return requestData, noGroup
		case "rules":
			return requestRules, noGroup
		case "subjects":
			return requestSubjects, noGroup
		case "roleRef":
			return requestRoleRef, roleRefGroup
		case "spec":
			return requestSpec, specGroup
		}
	case roleRefGroup:
		if key == "name" {
			return roleRefName, noGroup
		}
	case specGroup:
		return findSpec(key)
	case securityGroup:
		switch key {
		case "runAsUser":
			return podRunAsUser, noGroup
		case "runAsGroup":
			return podRunAsGroup, noGroup
		case "fsGroup":
			return podFSGroup, noGroup
		case "supplementalGroups":
			return podGroups, noGroup
		}
	case responseGroup:
		if key == "metadata" {
			return responseMetadata, metadataGroup
		}
	case metadataGroup:
		if key == "name" {
			return responseName, noGroup
		}
	}
	return noMember, noGroup
}

func findSpec(key string) (member, group) {
	switch key {
	case "hostIPC":
		return hostIPC, noGroup
	case "hostNetwork":
		return hostNetwork, noGroup
	case "hostPID":
		return hostPID, noGroup
	case "type":
		return serviceType, noGroup
	case "ports":
		return servicePorts, noGroup
	case "volumes":
		return volumes, noGroup
	case "containers":
		return containers, noGroup
	case "initContainers":
		return initContainers, noGroup
	case "ephemeralContainers":
		return ephemeralContainers, noGroup
	case "securityContext":
		return podSecurity, securityGroup
	}
	return noMember, noGroup
}
