{{/* The name that every object starts with. */}}
{{- define "audiomuse.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "audiomuse.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Labels that select one component: (dict "root" $ "component" "web"). */}}
{{- define "audiomuse.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* The Secret that holds the secret parameters. */}}
{{- define "audiomuse.secret" -}}
{{- .Values.secrets.existing | default (printf "%s-secrets" (include "audiomuse.name" .)) -}}
{{- end -}}

{{- define "audiomuse.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* Nothing runs as root, and nothing of ours can become root. */}}
{{- define "audiomuse.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "audiomuse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end -}}

{{/* Where a container of ours gets its parameters from. */}}
{{- define "audiomuse.envFrom" -}}
- configMapRef:
    name: {{ include "audiomuse.name" . }}-config
- secretRef:
    name: {{ include "audiomuse.secret" . }}
{{- end -}}

{{/* A change of the parameters starts the pods anew. */}}
{{- define "audiomuse.configDigest" -}}
{{- printf "%s%s" (toJson .Values.settings) (toJson .Values.secrets) | sha256sum -}}
{{- end -}}
