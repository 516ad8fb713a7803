// The English catalogue, with the names of the Dutch one.
import type nl from '../nl';
import common from './common.json';
import compliance from './compliance.json';
import customer from './customer.json';
import operator from './operator.json';
import recordings from './recordings.json';
import training from './training.json';

const en: typeof nl = {
  ...common,
  ...recordings,
  ...training,
  ...customer,
  ...compliance,
  ...operator,
};
export default en;
