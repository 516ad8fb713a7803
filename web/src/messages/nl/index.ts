// The Dutch catalogue. English has the same names; the compiler and a test hold it to that.
import common from './common.json';
import compliance from './compliance.json';
import customer from './customer.json';
import operator from './operator.json';
import recordings from './recordings.json';
import training from './training.json';

export default { ...common, ...recordings, ...training, ...customer, ...compliance, ...operator };
