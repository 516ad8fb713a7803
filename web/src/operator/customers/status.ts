/** The colour of a customer's status. */
export function statusTone(status: string): 'good' | 'warning' | 'plain' {
  if (status === 'active') return 'good';
  return status === 'leaving' ? 'warning' : 'plain';
}
