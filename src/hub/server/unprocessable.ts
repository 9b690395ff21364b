interface ValidationIssue {
  instancePath: string;
  message?: string | undefined;
  keyword?: string | undefined;
  params?: { issue?: { input?: unknown; code?: string } } | undefined;
}

/** A 422 as FastAPI servers answer: a list of what does not fit, each with its place. */
export function unprocessable(error: {
  validation: unknown;
  validationContext?: string | undefined;
}): Record<string, unknown> {
  const where = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'body');
  const issues = (Array.isArray(error.validation) ? error.validation : []) as ValidationIssue[];
  return {
    detail: issues.slice(0, 20).map(({ instancePath, message, keyword }) => ({
      type: keyword ?? 'value_error',
      loc: [where, ...instancePath.split('/').filter((part) => part !== '')],
      msg: message ?? 'does not fit',
    })),
  };
}
